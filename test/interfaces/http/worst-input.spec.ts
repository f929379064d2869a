/** What is made to cost much: it is refused for little. */
import { defaultHttpLimits } from '../../../src/interfaces/http/server/json-body.js';
import { startHttp, type HttpWorld } from './http-app.js';
import { post, send } from './send.js';

const START_AT = '/api/v1/workflow/start';
const START = { project_id: 'p', document_type: 'ib' };

/** Milliseconds of processor time that this process spends meanwhile. */
const cpuMs = async (work: () => Promise<unknown>): Promise<number> => {
  const before = process.cpuUsage();
  await work();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1_000;
};

describe('worst input', () => {
  let world: HttpWorld;
  beforeAll(async () => (world = await startHttp({ ...defaultHttpLimits, agentBodyMembers: 1_000 })));
  afterAll(() => world.finish());

  test('of 90,000 unknown properties the answer lists 20 and counts all, in less than a second', async () => {
    const strangers = Object.fromEntries(Array.from({ length: 90_000 }, (_, index) => [`a${index}`, 1]));
    let answer = await send(world.url, post(START_AT, START));
    const spent = await cpuMs(async () => {
      answer = await send(world.url, post(START_AT, { ...START, ...strangers }));
    });
    expect(answer.status).toBe(400);
    const { code, message, details } = answer.json.error;
    expect(code).toBe('INVALID_REQUEST');
    expect(message).toMatch(/and 89997 more$/);
    expect(details).toHaveLength(20);
    expect(spent).toBeLessThan(1_000);
  });

  test.each([
    ['a start', '/api/v1/workflow/start', 100_000],
    ['an agent', '/api/v1/enrich', 1_000],
  ])('a body of %s with more members than are allowed is not parsed', async (_, path, most) => {
    const body = (members: number) => `{"a":[${'1,'.repeat(members - 2)}1]}`;
    expect(await send(world.url, post(path, body(most)))).toMatchObject({ status: 400 });
    const { status, json } = await send(world.url, post(path, body(most + 1)));
    expect(status).toBe(413);
    expect(json.error).toEqual({
      code: 'BODY_TOO_LARGE',
      message: `body: expected at most ${most} members of arrays and objects in all, got more`,
      details: [{ field: 'body', expected: `at most ${most} members of arrays and objects in all`, received: 'more' }],
    });
  });
});
