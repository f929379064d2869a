/** What clients of the faulty server meet: the official one sees the errors of a real EventStoreDB, the application's own each mode. */
import { randomUUID } from 'node:crypto';
import { jsonEvent } from '@eventstore/db-client';
import type { SubscriptionMessage } from '../../../src/application/log/event-log.js';
import {
  startEmbeddedEventStore,
  type EmbeddedEventStore,
} from '../../../src/infrastructure/embedded-eventstore/index.js';
import { connect } from '../../../src/infrastructure/eventstore/connect.js';
import { EventStoreDbEventLog } from '../../../src/infrastructure/eventstore/eventstore-db.event-log.js';
import { eventually } from '../eventually.js';
import { createTestDatabase, type TestDatabase } from '../postgres.js';
import { MODE_NAMES, type Mode } from './modes.js';
import { FaultyServer } from './server.js';

let database: TestDatabase;
let node: EmbeddedEventStore;
let faulty: FaultyServer;
let log: EventStoreDbEventLog;
let hasty: EventStoreDbEventLog;
let truth: EventStoreDbEventLog;

const endpointOf = (url: string) => ({ host: '127.0.0.1', port: Number(new URL(url).port) });
const through = (server: FaultyServer) => node.url.replace(/:\d+\?/, `:${server.port}?`);
/** For the modes in which the server does not answer in time. */
const HASTE_MS = 300;
const UNANSWERED: readonly Mode[] = ['answers late', 'never answers', 'never arrives', 'stands still'];

beforeAll(async () => {
  database = await createTestDatabase();
  node = await startEmbeddedEventStore({ databaseUrl: database.url });
  faulty = await FaultyServer.start(endpointOf(node.url), { lateMs: 2 * HASTE_MS });
  log = new EventStoreDbEventLog({ url: through(faulty) });
  hasty = new EventStoreDbEventLog({ url: through(faulty), appendTimeoutMs: HASTE_MS, readTimeoutMs: HASTE_MS });
  truth = new EventStoreDbEventLog({ url: node.url });
});
afterEach(() => faulty.be(null));
afterAll(async () => {
  await Promise.all([log.close(), hasty.close(), truth.close()]);
  await faulty.close();
  await node.close();
  await database.drop();
});

const event = () => ({ id: randomUUID(), type: 'Happened', data: {}, metadata: {} });
const errorOf = (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => 'done',
    (error: unknown) => `${(error as Error).name}: ${String(error)}`,
  );
const kept = async (stream: string) => (await truth.read(stream)).events.length;

type Outcome = Readonly<{ appended: RegExp; kept: number; read: RegExp }>;
const DONE = /^done$/;

/** Of an append, and of a read, by the application's client. */
const outcomes: Record<Mode, Outcome> = {
  'not ready': { appended: /Server Is Not Ready/, kept: 0, read: /Server Is Not Ready/ },
  busy: { appended: /Server Is Busy/, kept: 0, read: /Server Is Too Busy/ },
  'not leader': { appended: /Leader info available/, kept: 0, read: DONE },
  'no leader': { appended: /No leader info available in response/, kept: 0, read: DONE },
  'timeout, kept': { appended: /Timeout/, kept: 1, read: DONE },
  'timeout, not kept': { appended: /Timeout/, kept: 0, read: DONE },
  'answers twice': { appended: DONE, kept: 1, read: DONE },
  'answers late': { appended: /no answer within 300 ms/, kept: 1, read: /no answer within 300 ms/ },
  'another order': { appended: DONE, kept: 1, read: DONE },
  'never answers': { appended: /no answer within 300 ms/, kept: 1, read: /no answer within 300 ms/ },
  'never arrives': { appended: /no answer within 300 ms/, kept: 0, read: /no answer within 300 ms/ },
  'no checkpoints': { appended: DONE, kept: 1, read: DONE },
  'too slow': { appended: DONE, kept: 1, read: DONE },
  'stands still': { appended: /no answer within 300 ms/, kept: 0, read: /no answer within 300 ms/ },
  'ends mid-message': { appended: /INTERNAL/, kept: 1, read: /INTERNAL/ },
  'appends denied': { appended: /AccessDenied/, kept: 0, read: DONE },
  'reads denied': { appended: DONE, kept: 1, read: /access-denied/ },
  unauthenticated: { appended: /Unauthenticated/, kept: 0, read: /Unauthenticated/ },
};

test.each(MODE_NAMES)('%s: what an append and a read get, and that both go on when it is over', async (mode) => {
  const [stream, before] = [`mode-${randomUUID()}`, `mode-${randomUUID()}`];
  await log.append(before, [event()], 'none');
  const client = UNANSWERED.includes(mode) ? hasty : log;
  faulty.be(mode);
  // Which also ends the two connections of before: that for appends alone, and that of the client.
  if (mode === 'unauthenticated')
    for (let connection = 0; connection < 2; connection++) await errorOf(client.append(stream, [event()], 'none'));
  const appended = await errorOf(client.append(stream, [event()], 'none'));
  const read = await errorOf(client.read(before).then(({ events }) => expect(events).toHaveLength(1)));
  expect({ appended, kept: await kept(stream), read }).toEqual({
    appended: expect.stringMatching(outcomes[mode].appended),
    kept: outcomes[mode].kept,
    read: expect.stringMatching(outcomes[mode].read),
  });
  faulty.be(null);
  await eventually(() => log.append(`mode-${randomUUID()}`, [event()], 'none'));
  await eventually(async () => expect((await log.read(before)).events).toHaveLength(1));
});

const CLIENT_ERRORS: Partial<Record<Mode, Readonly<{ append: string; read: string }>>> = {
  'not ready': { append: 'unknown', read: 'unavailable' },
  'no leader': { append: 'unknown', read: 'none' },
  'timeout, not kept': { append: 'deadline-exceeded', read: 'none' },
  'appends denied': { append: 'access-denied', read: 'none' },
  'reads denied': { append: 'none', read: 'access-denied' },
  unauthenticated: { append: 'Error: 16 UNAUTHENTICATED: Unauthenticated', read: 'access-denied' },
};

test.each(Object.keys(CLIENT_ERRORS) as Mode[])('%s: the official client has an error class for it', async (mode) => {
  const client = connect(through(faulty));
  const stream = `official-${randomUUID()}`;
  const append = () => client.appendToStream(stream, jsonEvent({ type: 'Happened', data: {} }));
  const read = async () => {
    for await (const _event of client.readStream(stream, { maxCount: 1 })) break;
  };
  const typeOf = (work: Promise<unknown>) =>
    work.then(
      () => 'none',
      (error: unknown) => (error as { type?: string }).type ?? String(error),
    );
  await truth.append(stream, [event()], 'none');
  faulty.be(mode);
  expect({ append: await typeOf(append()), read: await typeOf(read()) }).toEqual(CLIENT_ERRORS[mode]);
  faulty.be(null);
  await client.dispose();
});

test('a client that learns where the leader is goes there, while the follower still refuses it', async () => {
  const leader = await FaultyServer.start(endpointOf(node.url));
  const follower = await FaultyServer.start(endpointOf(node.url), { leader: endpointOf(through(leader)) });
  const client = new EventStoreDbEventLog({ url: through(follower) });
  try {
    follower.be('not leader');
    const stream = `leader-${randomUUID()}`;
    expect(await errorOf(client.append(stream, [event()], 'none'))).toMatch(/Leader info available/);
    await eventually(() => client.append(stream, [event()], 'none'));
    expect(await kept(stream)).toBe(1);
  } finally {
    await client.close();
    await Promise.all([leader.close(), follower.close()]);
  }
});

test('a call whose first append was refused takes the next', async () => {
  const one = new EventStoreDbEventLog({ url: through(faulty), appendCalls: 1 });
  faulty.be('not ready');
  expect(await errorOf(one.append(`first-${randomUUID()}`, [event()], 'none'))).toMatch(/Server Is Not Ready/);
  faulty.be(null);
  expect(await errorOf(one.append(`next-${randomUUID()}`, [event()], 'none'))).toBe('done');
  await one.close();
});

test('answers to appends come in the reverse order', async () => {
  const one = new EventStoreDbEventLog({ url: through(faulty), appendCalls: 1 });
  await one.append(`order-${randomUUID()}`, [event()], 'none');
  faulty.be('another order');
  const answered: number[] = [];
  const append = async (index: number) => {
    await one.append(`order-${randomUUID()}`, [event()], 'none');
    answered.push(index);
  };
  await Promise.all([0, 1, 2, 3].map(append));
  expect(answered).toEqual([3, 2, 1, 0]);
  await one.close();
});

/** What a subscription hears from now on, until the test ends it. */
const subscribe = (prefix: string, after: bigint | 'start') => {
  const [heard, ending] = [[] as SubscriptionMessage[], new AbortController()];
  const listening = (async () => {
    for await (const message of log.subscribe({ prefix, after, signal: ending.signal })) heard.push(message);
    return 'ended by the test';
  })().catch(String);
  return { heard, listening, end: () => ending.abort() };
};

test.each(['too slow', 'ends mid-message', 'reads denied', 'not ready'] as const)(
  '%s: a subscription ends',
  async (mode) => {
    faulty.be(mode);
    const { listening, end } = subscribe('none-', 'start');
    await truth.append(`none-${randomUUID()}`, [event()], 'none');
    expect(await listening).toMatch(/LogUnavailable|The subscription is lost|dropped the subscription/);
    end();
  },
);

test('a subscription hears no checkpoints, and its events all the same', async () => {
  faulty.be('no checkpoints');
  const prefix = `quiet-${randomUUID()}-`;
  const { heard, listening, end } = subscribe(prefix, await truth.head());
  await eventually(() => heard.some(({ kind }) => kind === 'caught-up'));
  for (let index = 0; index < 3; index++) await truth.append(`other-${randomUUID()}`, [event()], 'none');
  await truth.append(`${prefix}0`, [event()], 'none');
  await eventually(() => heard.some(({ kind }) => kind === 'event'));
  expect(heard.map(({ kind }) => kind)).not.toContain('checkpoint');
  end();
  expect(await listening).toBe('ended by the test');
});

test('a server that stands still loses nothing that a subscription should hear', async () => {
  const prefix = `still-${randomUUID()}-`;
  const { heard, listening, end } = subscribe(prefix, await truth.head());
  await eventually(() => heard.some(({ kind }) => kind === 'caught-up'));
  faulty.be('stands still');
  for (let index = 0; index < 3; index++) await truth.append(`${prefix}${index}`, [event()], 'none');
  await eventually(() => faulty.felt('stands still') > 0);
  expect(heard.filter(({ kind }) => kind === 'event')).toEqual([]);
  faulty.be(null);
  await eventually(() => expect(heard.filter(({ kind }) => kind === 'event')).toHaveLength(3));
  end();
  await listening;
});

test('callers of a server that ends are not left with a line that leads nowhere', async () => {
  const other = await createTestDatabase();
  const behind = await startEmbeddedEventStore({ databaseUrl: other.url });
  const before = await FaultyServer.start(endpointOf(behind.url));
  const client = new EventStoreDbEventLog({ url: behind.url.replace(/:\d+\?/, `:${before.port}?`) });
  await client.append('there', [event()], 'none');
  await behind.close();
  expect(await errorOf(client.append('gone', [event()], 'none'))).not.toBe('done');
  await client.close();
  await before.close();
  await other.drop();
});
