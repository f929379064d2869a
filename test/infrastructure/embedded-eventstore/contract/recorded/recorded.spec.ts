/** What EventStoreDB 23.10.8 answered, one node without TLS and users: the node answers the same, but where `differences` lists it. */
import { isDeepStrictEqual } from 'node:util';
import { connect } from '../../../../../src/infrastructure/eventstore/connect.js';
import { closeClient, isOwnNode, serverUnderTest } from '../../server-under-test.js';
import { differences } from './differences.js';
import { play } from './player.js';
import { recordedCases, type RecordedCase } from './script.js';

/** The client keeps one table of pending appends for the whole process, and each call that fails clears it: as seldom as that is here. */
const SIDE_BY_SIDE = isOwnNode ? 8 : 1;
const PATIENCE_MS = isOwnNode ? 180_000 : 1_800_000;

// Large appends of some cases must not have the subscribers of others fall behind.
const server = serverUnderTest({ maxTailEvents: 100_000, maxTailBytes: 64 * 1024 * 1024 });
const cases = recordedCases().filter(({ breaksClient }) => isOwnNode || !breaksClient);
const listed = new Map(isOwnNode ? differences.flatMap((one) => Object.entries(one.cases)) : []);
const isListed = (name: string, at: number) => {
  const steps = listed.get(name) ?? [];
  return steps === 'some' || steps.includes(at);
};

const played = new Map<string, Promise<readonly unknown[]>>();
let over: Promise<unknown>;

beforeAll(() => {
  jest.spyOn(console, 'warn').mockReturnValue(); // the client's, of strategies that some cases ask for
  const begin = new Map(cases.map((one) => [one, placeFor(one.name)]));
  const clients: ReturnType<typeof connect>[] = [];
  const lane = async (some: RecordedCase[]) => {
    for (let one = some.shift(); one; one = some.shift()) {
      const client = connect(server.url + (one.connection ?? ''));
      clients.push(client);
      const { name } = one;
      const stage = { client, url: server.url, isPrompt: isOwnNode, isListed: (at: number) => isListed(name, at) };
      begin.get(one)!(await play(one, stage).catch((error: unknown) => [String(error)]));
    }
  };
  const loud = cases.filter(({ quiet }) => !quiet).sort((one, other) => longestWait(other) - longestWait(one));
  over = Promise.all(Array.from({ length: SIDE_BY_SIDE }, () => lane(loud)))
    .then(() => lane(cases.filter(({ quiet }) => quiet)))
    .then(() => Promise.all(clients.map(closeClient)));
});

afterAll(() => over, PATIENCE_MS);

/** Keeps a place for the answers of a case. @returns what puts them there */
function placeFor(name: string): (answers: readonly unknown[]) => void {
  let put: (answers: readonly unknown[]) => void = () => undefined;
  played.set(name, new Promise((resolve) => (put = resolve)));
  return put;
}

const longestWait = ({ steps }: RecordedCase) => Math.max(...steps.map(([{ wait = 0 }]) => wait));

test.each(cases)(
  '$name',
  async ({ name, steps }) => {
    const answers = await played.get(name)!;
    const compared = steps.flatMap(([step, ...recorded], at) =>
      recorded.length === 0 ? [] : [{ at, step, recorded: recorded[0], answered: answers[at] }],
    );
    const differing = compared.filter(({ recorded, answered }) => !isDeepStrictEqual(recorded, answered));
    expect(differing.filter(({ at }) => !isListed(name, at))).toEqual([]);
    const expected = listed.get(name) ?? [];
    if (expected === 'some') expect(differing).not.toEqual([]);
    else expect(differing.map(({ at }) => at)).toEqual(expected);
  },
  PATIENCE_MS,
);

test('each difference is of a case that there is', () => {
  const names = cases.map(({ name }) => name);
  expect([...listed.keys()].filter((name) => !names.includes(name))).toEqual([]);
});
