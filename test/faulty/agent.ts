/**
 * An agent that does what the name of a project says, makes each key's effect once, and keeps a ledger.
 * `hold-…`: the first step's answer waits for `release`; `fail-…`: the first step fails until it is retried by an operator;
 * `later-…`: the first call of the first step asks to come again in a second. All else succeeds.
 */
import type { ServerResponse } from 'node:http';
import type { Call, Entry, Ledger } from '../chaos/ledger.js';
import { failWith, startAgentServer, succeed } from '../support/agent-server.js';

const LATER_MS = 1_000;

export type ScriptedAgent = Readonly<{
  url: string;
  /** Whether the first step of the execution waits for its answer. */
  holds: (executionId: string) => boolean;
  release: (executionId: string) => void;
  ledger: () => Ledger;
  close: () => Promise<void>;
}>;

type OpenEntry = { -readonly [Name in keyof Entry]: Entry[Name] } & { calls: Call[] };

export const startScriptedAgent = async (): Promise<ScriptedAgent> => {
  const keys = new Map<string, OpenEntry>();
  const held = new Map<string, () => void>();
  const released = new Set<string>();
  const server = await startAgentServer(({ headers, input }, response) => {
    const { execution_id: execution, step, attempt, project_id: project } = input;
    const key = String(headers['idempotency-key']);
    const entry: OpenEntry = keys.get(key) ?? { key, calls: [], effects: 0, output: null };
    keys.set(key, entry);
    const isFirst = entry.calls.length === 0;
    entry.calls.push({ execution, step, attempt, at: Date.now(), fault: 'none', notBefore: null, besides: 0 });
    if (step === 'first' && project.startsWith('fail-') && key.endsWith(':1')) return failWith('validation', 'BAD');
    if (step === 'first' && project.startsWith('later-') && isFirst)
      return { ...failWith('transient'), retry_after: LATER_MS / 1_000 };
    const answer = () => {
      entry.effects = 1;
      entry.output = `effect of ${key}`;
      return succeed({ [step]: entry.output });
    };
    if (step !== 'first' || !project.startsWith('hold-') || released.has(execution)) return answer();
    held.set(execution, () => send(response, answer()));
    return undefined;
  });
  return {
    url: server.url,
    holds: (executionId) => held.has(executionId),
    release: (executionId) => {
      released.add(executionId);
      held.get(executionId)?.();
    },
    ledger: () => [...keys.values()],
    close: server.close,
  };
};

const send = (response: ServerResponse, body: object): void => {
  if (response.writableEnded) return;
  response.setHeader('content-type', 'application/json');
  response.end(JSON.stringify(body));
};
