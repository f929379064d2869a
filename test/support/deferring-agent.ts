/** An agent of the tests that takes its task tokens, hangs up, and reports when the test says so. */
import type { ServerResponse } from 'node:http';
import type { AgentInput } from '../../src/application/agents/agents.js';
import { startAgentServer } from './agent-server.js';

/* eslint-disable @typescript-eslint/no-explicit-any -- answers are JSON whose shape is what the tests assert */
export type Told = Readonly<{ status: number; body: any }>;

export type Task = Readonly<{ token: string; url: string; input: AgentInput; idempotencyKey: string }>;

/** Posts a report as an agent would. @param at an instance other than the one that issued the token */
export const report = async ({ url, token }: Task, body: unknown, at?: string): Promise<Told> => {
  const target = at === undefined ? url : `${at}/api/v1/workflow/tasks/${token}`;
  const response = await fetch(target, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  return { status: response.status, body: await response.json() };
};

export const accept = (response: ServerResponse, body: unknown): void => {
  response.writeHead(202, { 'content-type': 'application/json' }).end(JSON.stringify(body));
};

/** @param before runs between the arrival of the call and its 202 */
export const startDeferringAgent = async (before: (task: Task) => Promise<unknown> = async () => undefined) => {
  const tasks: Task[] = [];
  const server = await startAgentServer(({ headers, input }, response) => {
    const header = (name: string) => String(headers[name]);
    const task = {
      token: header('x-task-token'),
      url: header('x-task-url'),
      input,
      idempotencyKey: header('idempotency-key'),
    };
    tasks.push(task);
    void before(task).then(() => accept(response, { task_token: task.token }));
    return undefined;
  });
  return { url: server.url, tasks, close: server.close };
};
