import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Progress } from './progress.js';
import type { Details, WorkflowClient } from './workflow-client.js';

const FINAL = new Set(['completed', 'cancelled', 'failed', 'paused']);
const LOOK_EVERY_MS = 100;

export type ProjectRun = Readonly<{
  executionId: string;
  state: string;
  error: string | null;
  files: readonly string[];
}>;

/** Starts the project's workflow, or goes on with one that an earlier run left unfinished, and follows it to its end. */
export const runProject = async (
  client: WorkflowClient,
  projectId: string,
  exportsDir: string,
  write: (line: string) => void,
  signal: AbortSignal,
): Promise<ProjectRun> => {
  const unfinished = (await client.executionsOf(projectId)).find(({ current_state }) => !FINAL.has(current_state));
  const executionId =
    unfinished?.id ?? (await client.start({ project_id: projectId, document_type: 'ib', triggered_by: 'quickstart' }));
  write(`${unfinished ? 'Going on with' : 'Started'} execution ${executionId}`);

  const details = await follow(client, executionId, new Progress(write), signal);
  const { current_state: state, error_message: error } = details.execution;
  const names = details.steps.flatMap(({ artifacts }) => artifacts.map(({ name }) => name));
  const directory = path.join(exportsDir, executionId);
  const files = await Promise.all(names.map((name) => client.download(executionId, name, directory)));
  return { executionId, state, error, files };
};

const follow = async (
  client: WorkflowClient,
  executionId: string,
  progress: Progress,
  signal: AbortSignal,
): Promise<Details> => {
  for (;;) {
    const details = await client.details(executionId);
    progress.show(details);
    if (FINAL.has(details.execution.current_state)) return details;
    await delay(LOOK_EVERY_MS, undefined, { signal });
  }
};
