/** An agent that makes each key's effect once and keeps a ledger; it answers the first call of the second step as busy. */
import { setTimeout as delay } from 'node:timers/promises';
import type { Call, Entry, Ledger } from '../chaos/ledger.js';
import { failWith, startAgentServer, succeed } from '../support/agent-server.js';

/** Long enough for a trial to send SIGTERM while a call is in flight. */
const ANSWER_MS = 150;

export type LedgerAgent = Readonly<{
  url: string;
  calls: () => number;
  ledger: () => Ledger;
  close: () => Promise<void>;
}>;

export const startLedgerAgent = async (): Promise<LedgerAgent> => {
  const keys = new Map<string, { -readonly [Name in keyof Entry]: Entry[Name] } & { calls: Call[] }>();
  const server = await startAgentServer(({ headers, input }, response) => {
    const key = String(headers['idempotency-key']);
    const entry = keys.get(key) ?? { key, calls: [], effects: 0, output: null };
    keys.set(key, entry);
    const isBusy = input.step === 'second' && entry.calls.length === 0;
    entry.calls.push({
      ...{ execution: input.execution_id, step: input.step, attempt: input.attempt, at: Date.now() },
      ...{ fault: isBusy ? 'transient' : 'none', notBefore: null, besides: 0 },
    });
    if (isBusy) return failWith('transient');
    if (entry.output === null) {
      entry.effects += 1;
      entry.output = `effect of ${key}`;
    }
    void delay(ANSWER_MS).then(() => {
      response.setHeader('content-type', 'application/json');
      response.end(JSON.stringify(succeed({ [input.step]: entry.output })));
    });
    return undefined;
  });
  return { url: server.url, calls: () => server.calls.length, ledger: () => [...keys.values()], close: server.close };
};
