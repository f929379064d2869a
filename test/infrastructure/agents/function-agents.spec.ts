import { jest } from '@jest/globals';
import type { AgentCall, AgentReply } from '../../../src/application/agents/agents.js';
import { FunctionAgents } from '../../../src/infrastructure/agents/function-agents.js';
import { defaultAgentLimits } from '../../../src/infrastructure/agents/limits.js';
import type { AgentFunction } from '../../../src/infrastructure/agents/registry.js';
import { aCall, StoppedClock } from './a-call.js';

const clock = new StoppedClock(new Date('2026-03-01T12:00:00.000Z'));
const agents = new FunctionAgents(clock, { ...defaultAgentLimits, answerBytes: 1000 });
const call = (agent: unknown, one: AgentCall = aCall()): Promise<AgentReply> =>
  agents.call(one, agent as AgentFunction);

test('a function gets the input and the context of the call', async () => {
  const agent = jest.fn<AgentFunction>().mockResolvedValue({ success: true, data: { a: 1 }, metadata: { m: 2 } });
  const one = aCall();
  expect(await call(agent, one)).toEqual({ success: true, data: { a: 1 }, metadata: { m: 2 }, artifacts: [] });
  const { signal, idempotencyKey, deadline, traceparent } = one;
  expect(agent.mock.calls).toEqual([[one.input, { signal, idempotencyKey, deadline, traceparent }]]);
});

test('neither input nor result is shared with the function', async () => {
  const one = aCall();
  const kept = { when: new Date('2026-01-01T00:00:00Z'), list: [1] };
  const reply = await call(async (input: { metadata: { language: string } }) => {
    input.metadata.language = 'changed';
    return Promise.resolve({ success: true, data: kept });
  }, one);
  kept.list.push(2);
  expect(one.input.metadata).toEqual({ language: 'en' });
  expect(reply).toMatchObject({ data: { when: '2026-01-01T00:00:00.000Z', list: [1] } });
});

test('a member that is undefined is left out, and toJSON is honoured', async () => {
  const data = { none: undefined, dose: { toJSON: () => ({ mg: 5 }) }, big: { toJSON: () => '9007199254740993' } };
  expect(await call(() => ({ success: true, data }))).toMatchObject({
    data: { dose: { mg: 5 }, big: '9007199254740993' },
  });
});

test('a value that is no JSON is named with its place', async () => {
  const reply = await call(() => ({ success: true, data: { dose: NaN } }));
  expect(reply).toMatchObject({
    error: { message: expect.stringContaining('NaN under "dose" is no JSON') as unknown },
  });
});

test('an error that is returned is taken as it is', async () => {
  const error = { type: 'validation', message: 'No dose', code: 'NO_DOSE' };
  const reply = await call(() => Promise.resolve({ success: false, error, retry_after: 3 }));
  expect(reply).toEqual({ success: false, error, retryAfterMs: 3000 });
});

test('a function may answer without a promise', async () => {
  expect(await call(() => ({ success: true, data: 5 }))).toMatchObject({ success: true, data: { enrich: 5 } });
});

const cyclic: Record<string, unknown> = { success: true };
cyclic['data'] = cyclic;

test.each<[string, () => unknown, string]>([
  [
    'throws',
    () => {
      throw new Error('boom');
    },
    'AGENT_THREW',
  ],
  ['rejects', () => Promise.reject(new Error('boom')), 'AGENT_THREW'],
  // eslint-disable-next-line @typescript-eslint/prefer-promise-reject-errors -- what a user's function may do
  ['rejects with nothing', () => Promise.reject(undefined), 'AGENT_THREW'],

  [
    'throws what has no text',
    () => {
      throw Object.create(null);
    },
    'AGENT_THREW',
  ],
  ['returns nothing', () => Promise.resolve(), 'INVALID_ANSWER'],
  ['returns a text', () => Promise.resolve('done'), 'INVALID_ANSWER'],
  ['returns data without success', () => Promise.resolve({ data: {} }), 'INVALID_ANSWER'],
  ['returns a function', () => Promise.resolve(() => 1), 'INVALID_ANSWER'],
  ['returns itself within itself', () => Promise.resolve(cyclic), 'INVALID_ANSWER'],
  ['returns a bigint', () => Promise.resolve({ success: true, data: 1n }), 'INVALID_ANSWER'],
  ...Object.entries({
    ...{ NaN: NaN, Infinity: Infinity, 'the negative of it': -Infinity, 'a whole number that is rounded': 2 ** 53 },
    ...{ 'a symbol': Symbol('s'), 'a function': () => 1, 'undefined in a list': [undefined] },
    ...{ 'an invalid date': new Date(NaN), 'a map': new Map(), 'a set': new Set([1]) },
  }).map(([name, lost]): [string, () => unknown, string] => [
    `returns ${name} within`,
    () => Promise.resolve({ success: true, data: { kept: 1, lost: [{ lost }] } }),
    'INVALID_ANSWER',
  ]),
  ['returns bytes', () => Promise.resolve({ success: true, data: new Uint8Array(2) }), 'INVALID_ANSWER'],
  ['returns a promise within', () => ({ success: true, data: { later: Promise.resolve(1) } }), 'INVALID_ANSWER'],
  ['returns U+0000', () => Promise.resolve({ success: true, data: '\0' }), 'INVALID_ANSWER'],
  [
    'returns a trap',
    () =>
      Promise.resolve({
        get success() {
          throw new Error('trap');
        },
      }),
    'INVALID_ANSWER',
  ],
  ['returns too much', () => Promise.resolve({ success: true, data: 'ä'.repeat(500) }), 'ANSWER_TOO_LARGE'],
])('a function that %s gives a transient error', async (_, agent, code) => {
  expect(await call(agent)).toMatchObject({ success: false, error: { type: 'transient', code } });
});

test('a call ends when its signal aborts, and a late result or error does no harm', async () => {
  for (const settle of ['resolve', 'reject'] as const) {
    const abort = new AbortController();
    const late = deferred();
    const reply = call(() => late.promise, aCall({ signal: abort.signal }));
    abort.abort('deadline');
    expect(await reply).toMatchObject({ success: false, error: { type: 'transient', code: 'TIMEOUT' } });
    late[settle](undefined as never);
  }
});

test('a function is not called when the signal is aborted already', async () => {
  const agent = jest.fn<AgentFunction>();
  const reply = await call(agent, aCall({ signal: AbortSignal.abort('over') }));
  expect(reply).toMatchObject({ success: false, error: { code: 'ABORTED' } });
  expect(agent).not.toHaveBeenCalled();
});

function deferred() {
  let resolve!: (value: never) => void;
  let reject!: (error: unknown) => void;
  const promise = new Promise<never>((yes, no) => ([resolve, reject] = [yes, no]));
  return { promise, resolve, reject };
}
