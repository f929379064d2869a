/** Whose channels are whose, with credentials that the test checks as it likes. */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { LOCAL, Unauthenticated, type Principal } from '../../../src/application/access/principal.js';
import { Rights, type Projects } from '../../../src/domain/access/grants.js';
import type { Role } from '../../../src/domain/access/permissions.js';
import { DEFAULT_REALTIME_LIMITS, type RealtimeLimits } from '../../../src/interfaces/realtime/limits.js';
import type { RealtimeAccess } from '../../../src/interfaces/realtime/access.js';
import { RealtimeServer } from '../../../src/interfaces/realtime/realtime-server.js';
import { eventually } from '../../support/eventually.js';
import { openRaw, type RawClient } from './support/raw-client.js';
import { ID, ToldChanges } from './support/told-changes.js';

/* eslint-disable @typescript-eslint/no-explicit-any -- messages whose shape is what the tests assert */
const TOPIC = 'realtime:room';
const ROWS = { event: '*', schema: 'public', table: 'workflow_executions' };
const as = (id: string, role: Role, projects: Projects): Principal => ({
  ...LOCAL,
  actor: { type: 'user', id },
  rights: new Rights([{ role, projects }]),
});

/** By token. */
const PEOPLE: Readonly<Record<string, Principal>> = {
  'a.n.n': as('ann', 'viewer', ['alpha-*']),
  'b.o.b': as('bob', 'viewer', 'all'),
  'm.o.n': as('mon', 'monitor', 'all'),
};

const ends: (() => Promise<void>)[] = [];
const failures: unknown[] = [];

const start = async (limits: Partial<RealtimeLimits> = {}) => {
  const [changes, http] = [new ToldChanges(), createServer()];
  const waiting: (() => void)[] = [];
  const watched = new Map<(why: string) => void, Principal>();
  const authenticator = {
    authenticate: ({ token = '' }: { token?: string | undefined }) =>
      new Promise<Principal>((resolve, reject) =>
        waiting.push(() => {
          const found = PEOPLE[token];
          if (found) resolve(found);
          else reject(new Unauthenticated('CREDENTIALS_MISSING', 'Credentials: got none'));
        }),
      ),
    watch: (principal: Principal, end: (why: string) => void) => {
      watched.set(end, principal);
      return () => void watched.delete(end);
    },
  };
  const projectsOf = async () => new Map([[ID, 'alpha-1']]);
  const all = { ...DEFAULT_REALTIME_LIMITS, lookMs: 20, ...limits };
  const onError = (_message: string, error: unknown) => failures.push(error);
  const admission = { isKnownHost: () => true, isKnownOrigin: () => true };
  const denials: unknown[] = [];
  const denied: RealtimeAccess['denied'] = (error, principal, from) =>
    void denials.push([error.message, principal?.actor.id ?? null, from]);
  const access = { authenticator, projectsOf, denied };
  const realtime = new RealtimeServer(changes, all, onError, admission, undefined, access);
  http.listen(0, '127.0.0.1');
  await once(http, 'listening');
  realtime.start(http);
  ends.push(async () => {
    await realtime.stop();
    http.close();
  });
  const address = `ws://127.0.0.1:${(http.address() as AddressInfo).port}/realtime/v1/websocket?vsn=2.0.0`;
  /** Answers the check that waits. */
  const check = async () => (await eventually(() => waiting.shift() ?? false))();
  const end = (why: string) => [...watched.keys()].forEach((each) => each(why));
  return { changes, waiting, watched, check, end, denials, open: (query = '') => openRaw(address + query) };
};

afterEach(async () => {
  for (const end of ends.splice(0)) await end();
  expect(failures).toEqual([]);
});

const join = (client: RawClient, token?: string, ref = '1') =>
  client.send([ref, ref, TOPIC, 'phx_join', { config: { postgres_changes: [ROWS] }, access_token: token }]);
const shortly = (messages: any[]) =>
  messages.map(([, , , event, payload]) => [
    event,
    payload.status ?? '',
    payload.response?.reason ?? payload.message ?? '',
  ]);
const SUBSCRIBED = [
  ['phx_reply', 'ok', ''],
  ['presence_state', '', ''],
  ['system', 'ok', 'Subscribed to PostgreSQL'],
];

test('what comes while a credential is checked is treated after it, in order', async () => {
  const { open, check } = await start();
  const client = await open();
  join(client, 'a.n.n');
  client.send([null, '2', 'phoenix', 'heartbeat', {}]);
  client.send(['1', '3', TOPIC, 'phx_leave', {}]);
  await check();
  await client.has(6);
  expect(shortly(client.received)).toEqual([
    ...SUBSCRIBED,
    ['phx_reply', 'ok', ''],
    ['phx_reply', 'ok', ''],
    ['phx_close', '', ''],
  ]);
});

test('the token of the join decides, or else the key of the connection; what is neither counts as none', async () => {
  const { open, check, changes, denials } = await start();
  const client = await open('&apikey=a.n.n');
  join(client, 'anon');
  await check();
  await client.has(3);
  expect(shortly(client.received.splice(0))).toEqual(SUBSCRIBED);
  changes.tell({ record: { id: ID, project_id: 'alpha-1' } });
  await client.has(1);

  const other = await open('&apikey=anon');
  join(other);
  await check();
  await other.has(1);
  expect(shortly(other.received)).toEqual([['phx_reply', 'error', 'Unauthorized: Credentials: got none']]);
  expect(denials).toEqual([['Credentials: got none', null, '127.0.0.1']]);
});

test('a principal without a permission to read the table is refused', async () => {
  const { open, check, watched, denials } = await start();
  const client = await open();
  join(client, 'm.o.n');
  await check();
  await client.has(1);
  const why = 'Unauthorized: user mon holds no permission to read workflow_executions';
  expect(shortly(client.received)).toEqual([['phx_reply', 'error', why]]);
  expect(denials).toEqual([[why.replace('Unauthorized: ', ''), 'mon', '127.0.0.1']]);
  expect(watched.size).toBe(0);
});

test('a later token hands the channel over: rows are those of its principal, and of one that counts', async () => {
  const { open, check, changes, watched } = await start();
  const client = await open();
  join(client, 'b.o.b');
  await check();
  await client.has(3);
  client.received.splice(0);
  changes.tell({ record: { id: ID, project_id: 'beta-1' } });
  await client.has(1);
  client.received.splice(0);
  client.send(['1', '2', TOPIC, 'access_token', { access_token: 'a.n.n' }]);
  await check();
  await eventually(() => expect([...watched.values()].map(({ actor }) => actor.id)).toEqual(['ann']));
  changes.tell({ record: { id: ID, project_id: 'beta-1' } });
  client.send(['1', '3', TOPIC, 'access_token', { access_token: 'no.b.ody' }]);
  await check();
  await client.has(2);
  expect(shortly(client.received)).toEqual([
    ['system', 'error', 'Unauthorized: Credentials: got none'],
    ['phx_error', '', ''],
  ]);
  expect(watched.size).toBe(0);
});

test('a channel that was joined anew under the same credential still ends with it', async () => {
  const { open, check, end, watched } = await start({ joinMs: 100 });
  const client = await open();
  join(client, 'a.n.n');
  await check();
  await client.has(3);
  join(client, 'a.n.n', '2');
  await client.has(7);
  client.received.splice(0);
  expect(watched.size).toBe(1);
  end('the sign-in has ended');
  await client.has(2);
  expect(shortly(client.received)).toEqual([
    ['system', 'error', 'the sign-in has ended'],
    ['phx_error', '', ''],
  ]);
  // It has as long as a new connection to join a channel.
  expect((await client.isClosed()).reason).toBe('Expected a channel to be joined within 100 ms');
});

test('a connection that is gone when its credential is checked leaves nothing behind', async () => {
  const { open, waiting, watched } = await start();
  const client = await open();
  join(client, 'a.n.n');
  const answer = await eventually(() => waiting.shift() ?? false);
  client.socket.terminate();
  await client.isClosed();
  // The server hears of it later than the client: another connection comes behind it.
  const next = await open();
  next.send([null, '1', 'phoenix', 'heartbeat', {}]);
  await next.has(1);
  answer();
  join(next, 'a.n.n');
  (await eventually(() => waiting.shift() ?? false))();
  await next.has(4);
  expect(watched.size).toBe(1);
});
