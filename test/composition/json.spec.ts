import { DEFAULT_JSON_THREAD_LIMITS, JsonThreads } from '../../src/composition/json.js';
import { carryOut } from '../../src/composition/json-order.js';
import { defaultAgentLimits } from '../../src/infrastructure/agents/limits.js';

const [RULES, MANY] = [{ depth: 64, members: 100_000 }, 20];

/** The round of the event loop in which each text was read. */
const roundsOf = async (reads: readonly (() => Promise<unknown>)[]): Promise<readonly number[]> => {
  let [round, isOver] = [0, false];
  const count = () => {
    round += 1;
    if (!isOver) setImmediate(count);
  };
  setImmediate(count);
  const rounds = await Promise.all(reads.map((read) => read().then(() => round)));
  isOver = true;
  return rounds;
};

describe('JSON texts that arrive all at once', () => {
  const now = new Date(0);
  const json = new JsonThreads(DEFAULT_JSON_THREAD_LIMITS, defaultAgentLimits, () => now);
  afterAll(() => json.close());

  const body = (bytes: number) => Buffer.from(JSON.stringify({ a: 'x'.repeat(bytes) }));
  const order = { context: { step: 'write', now, limits: defaultAgentLimits }, token: null };

  test('other work has a turn after each large body', async () => {
    const rounds = await roundsOf(Array.from({ length: MANY }, () => () => json.read(body(20_000), RULES, null)));
    expect(new Set(rounds).size).toBe(MANY);
  });

  test('other work has a turn between bodies and answers of agents', async () => {
    const answer = Buffer.from(JSON.stringify({ success: true, data: { a: 'x'.repeat(20_000) } }));
    const reads = Array.from(
      { length: MANY },
      (_, index) => () => (index % 2 ? json.readAnswer(answer, order) : json.read(body(20_000), RULES, null)),
    );
    expect(new Set(await roundsOf(reads)).size).toBe(MANY);
  });

  test('a small body waits for none of the large ones', async () => {
    const large = Array.from({ length: MANY }, () => () => json.read(body(20_000), RULES, null));
    const rounds = await roundsOf([...large, () => json.read(body(100), RULES, null)]);
    expect(rounds.at(-1)).toBe(0);
  });
});

test('a report that is read in a thread brings no secret of our calls along', () => {
  const asked = { kind: 'body', rules: RULES, task: { step: 'write', token: 'the-token' }, now: new Date(0) } as const;
  const report = { type: 'complete', data: { said: 'is a-secret-token' } };
  const result = carryOut(
    { ...asked, limits: defaultAgentLimits, secrets: ['a-secret-token'] },
    Buffer.from(JSON.stringify(report)),
  );
  expect(result).toMatchObject({ read: { report: { reply: { data: { said: 'is [hidden]' } } } } });
});
