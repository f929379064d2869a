/** Sessions as two instances on one database have them. */
import { createHash } from 'node:crypto';
import type { DataSource } from 'typeorm';
import { endSessionsOfBlocked, sessionIdOf, Sessions, type Session } from '../../../src/application/access/sessions.js';
import { NotReady } from '../../../src/application/runtime/errors.js';
import { PostgresSessions } from '../../../src/infrastructure/postgres/access/postgres-sessions.js';
import { createDataSource } from '../../../src/infrastructure/postgres/data-source.js';
import { eventually } from '../../support/eventually.js';
import { createTestDatabase, type TestDatabase } from '../../support/postgres.js';
import { VirtualClock } from '../../../src/testing/virtual-clock.js';

const MINUTE = 60_000;
const LIMITS = { lifetimeMs: 60 * MINUTE, idleMs: 10 * MINUTE, mostOfOne: 3, remembered: 100, believeMs: 1_000 };

let [database, dataSource]: [TestDatabase, DataSource] = [] as never;
beforeAll(async () => {
  database = await createTestDatabase();
  dataSource = await createDataSource({ url: database.url, poolSize: 4 });
});
afterAll(async () => {
  await dataSource.destroy();
  await database.drop();
});
beforeEach(() => dataSource.query('truncate sessions, used_sign_ins'));

const world = () => {
  const clock = new VirtualClock();
  const errors: unknown[] = [];
  const store = new PostgresSessions(dataSource);
  const instance = () =>
    new Sessions({ store, clock, key: Buffer.alloc(32, 1), onError: (_, error) => errors.push(error) }, LIMITS);
  let made = 0;
  const signIn = async (
    sessions: Sessions,
    more: Partial<{ subject: string; purpose: string; replaces: string }> = {},
  ) => {
    const { subject = 'ann', purpose, replaces = null } = more;
    const secret = createHash('sha256').update(`secret ${made++}`).digest('base64url');
    const now = clock.now();
    const after = (ms: number) => new Date(now.getTime() + ms);
    const session: Session = {
      ...{ id: sessionIdOf(secret), issuer: 'https://id.example', subject, name: subject },
      ...{ claimed: [{ role: 'viewer', projects: ['p-1'] }], authenticatedAt: now, createdAt: now, lastSeenAt: now },
      expiresAt: after(LIMITS.lifetimeMs),
    };
    const fresh = purpose === undefined ? null : { purpose, expiresAt: after(5 * MINUTE) };
    const signIn = { id: `sign-in ${made}`, expiresAt: after(10 * MINUTE) };
    const isMade = await sessions.create({ session, signIn, fresh, replaces });
    return { secret, id: session.id, session, signIn, isMade };
  };
  return { clock, errors, instance, signIn };
};

describe('a session', () => {
  it('is known to every instance by its cookie, of which only the hash is stored', async () => {
    const { instance, signIn } = world();
    const [one, other] = [instance(), instance()];
    const { secret, session } = await signIn(one);
    expect(await other.find(secret)).toEqual(session);
    expect(await other.find(secret.toLowerCase())).toBeNull();
    expect(JSON.stringify(await dataSource.query('select * from sessions'))).not.toContain(secret);
  });

  it('ends with its lifetime, however much it is used', async () => {
    const { instance, signIn, clock } = world();
    const sessions = instance();
    const { secret } = await signIn(sessions);
    for (let minutes = 5; minutes < 60; minutes += 5) {
      await clock.pass(5 * MINUTE);
      expect(await sessions.find(secret)).not.toBeNull();
      await eventually(async () => {
        const [row] = await dataSource.query('select last_seen_at from sessions');
        return row.last_seen_at.getTime() === clock.now().getTime();
      });
    }
    await clock.pass(5 * MINUTE);
    expect(await sessions.find(secret)).toBeNull();
  });

  it('ends when it is not used', async () => {
    const { instance, signIn, clock } = world();
    const sessions = instance();
    const { secret, id } = await signIn(sessions);
    await sessions.find(secret);
    await clock.pass(10 * MINUTE);
    expect([await sessions.find(secret), sessions.isSignedIn(id)]).toEqual([null, false]);
  });

  it('that ends on one instance has ended on the others a second later, with what is open there', async () => {
    const { instance, signIn, clock } = world();
    const [one, other] = [instance(), instance()];
    const { secret, id } = await signIn(one);
    await other.find(secret);
    let ended = 0;
    other.whenEnded(id, () => (ended += 1));
    other.start();
    await one.end(id);
    expect(await one.find(secret)).toBeNull();
    await clock.pass(1_000);
    await eventually(() => ended === 1);
    expect([await other.find(secret), other.isSignedIn(id)]).toEqual([null, false]);
    await other.stop();
  });

  it('ends with the block of its person, and does not come back with the end of the block', async () => {
    const { instance, signIn, errors, clock } = world();
    const sessions = instance();
    const [ann, bob] = [await signIn(sessions), await signIn(sessions, { subject: 'bob' })];
    const subject = { issuer: 'https://id.example', subject: 'ann', grants: [] };
    const changed = endSessionsOfBlocked(sessions, (_, error) => errors.push(error));
    const blockedAt = clock.now().toISOString();
    await changed({ keys: new Map(), subjects: new Map([['ann', { ...subject, blockedAt }]]) });
    await changed({ keys: new Map(), subjects: new Map([['ann', { ...subject, blockedAt: null }]]) });
    expect(await sessions.find(ann.secret)).toBeNull();
    expect(await sessions.find(bob.secret)).not.toBeNull();
    expect(errors).toEqual([]);
  });

  it('is made once of one sign-in, and takes the place of the one before', async () => {
    const { instance, signIn } = world();
    const sessions = instance();
    const first = await signIn(sessions);
    const again = { session: { ...first.session, id: 'another' }, signIn: first.signIn, fresh: null, replaces: null };
    expect([first.isMade, await sessions.create(again)]).toEqual([true, false]);
    const second = await signIn(sessions, { replaces: first.id });
    expect(await sessions.find(first.secret)).toBeNull();
    expect(await sessions.find(second.secret)).not.toBeNull();
  });

  it('is one of a few: the oldest of a person gives way', async () => {
    const { instance, signIn, clock } = world();
    const sessions = instance();
    const made = [];
    for (let count = 0; count < 4; count++) {
      made.push(await signIn(sessions));
      await clock.pass(1);
    }
    const left = await Promise.all(made.map(({ secret }) => sessions.find(secret)));
    expect(left.map((each) => each !== null)).toEqual([false, true, true, true]);
  });

  it('holds one fresh sign-in, which one of many gets, for its purpose and within its time', async () => {
    const { instance, signIn, clock } = world();
    const [one, other] = [instance(), instance()];
    const { id, session } = await signIn(one, { purpose: 'sign:1' });
    expect(await one.consumeFresh(id, 'sign:2')).toBeNull();
    const got = await Promise.all([one, other, one, other].map((each) => each.consumeFresh(id, 'sign:1')));
    expect(got.filter((each) => each !== null)).toEqual([session.authenticatedAt]);
    const late = await signIn(one, { purpose: 'sign:1' });
    await clock.pass(5 * MINUTE);
    expect(await one.consumeFresh(late.id, 'sign:1')).toBeNull();
  });

  it('cannot be looked up while the database is away, and nobody is taken for signed out', async () => {
    const { clock, errors } = world();
    const away = await createDataSource({ url: database.url, poolSize: 1 });
    const store = new PostgresSessions(away);
    const sessions = new Sessions({ store, clock, key: Buffer.alloc(32), onError: (_, e) => errors.push(e) }, LIMITS);
    await away.destroy();
    await expect(sessions.find('a'.repeat(43))).rejects.toThrow(NotReady);
  });
});
