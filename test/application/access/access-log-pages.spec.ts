import { AccessDirectory } from '../../../src/application/access/access-directory.js';
import { AccessLog } from '../../../src/application/access/access-log.js';
import { AccessLogPages, type AccessLogAsked } from '../../../src/application/access/access-log-pages.js';
import { AccessOrders } from '../../../src/application/access/access-orders.js';
import { InvalidCursor } from '../../../src/application/queries/read-model.js';
import { InMemoryEventLog } from '../../../src/testing/in-memory.event-log.js';
import { CountingIds } from '../../support/saga-world.js';
import { VirtualClock } from '../../../src/testing/virtual-clock.js';

const DAY_MS = 86_400_000;
const ANY: AccessLogAsked = { subject: null, kind: null, from: null, until: null, cursor: null, limit: 100 };
const root = { actor: { type: 'system', id: 'cli' } as const, reason: 'why', idempotencyKey: null, traceparent: null };

/** Day by day: a key, then two sign-ins of that day's person; two days without anything after the second. */
const world = async (mostReads?: number) => {
  const clock = new VirtualClock();
  const log = new InMemoryEventLog(() => clock.now());
  const ports = { log, clock, ids: new CountingIds('a') };
  const directory = new AccessDirectory(ports);
  let seed = 0;
  const random = (bytes: number) => new Uint8Array(bytes).fill(seed++);
  const rules = { limits: { keys: 9, grants: 9, blocked: 9 }, administrators: 'keys', isOpen: false } as const;
  const orders = new AccessOrders({ ...ports, directory, random }, rules);
  const accessLog = new AccessLog(ports, true, { onError: () => undefined, notify: () => undefined });
  for (const [name, pauseMs] of [['one', DAY_MS] as const, ['two', 3 * DAY_MS] as const, ['three', 1_000] as const]) {
    await orders.createKey({ name, grants: [{ role: 'viewer', projects: 'all' }], expiresAt: null }, root);
    for (const each of [1, 2]) accessLog.signedIn({ type: 'user', id: `${name}-${each}`, issuer: 'x' });
    await accessLog.flush();
    await clock.pass(pauseMs);
  }
  const pages = new AccessLogPages({ log, clock }, mostReads);
  const all = async (asked: Partial<AccessLogAsked>) => {
    const found: string[][] = [];
    let cursor: string | null = null;
    do {
      const page: Awaited<ReturnType<AccessLogPages['page']>> = await pages.page({ ...ANY, ...asked, cursor });
      found.push(page.entries.map(({ kind, data }) => `${kind} ${nameIn(data)}`));
      cursor = page.nextCursor;
    } while (cursor !== null);
    return found;
  };
  return { pages, all, log };
};

/** Of the service that was given a key, or of the person who signed in. */
const nameIn = ({ name, who }: Readonly<Record<string, unknown>>): string =>
  typeof name === 'string' ? name : (who as Readonly<{ id: string }>).id;

const EVERYTHING = [
  ...['SignedIn three-2', 'SignedIn three-1', 'ApiKeyCreated three'],
  ...['SignedIn two-2', 'SignedIn two-1', 'ApiKeyCreated two'],
  ...['SignedIn one-2', 'SignedIn one-1', 'ApiKeyCreated one'],
];

describe('pages of the access log', () => {
  it('hold keys and days as one list, newest first', async () => {
    const { all } = await world();
    expect((await all({})).flat()).toEqual(EVERYTHING);
  });

  it.each([1, 2, 3, 4, 100])('of %s entries go on where the one before ended', async (limit) => {
    const { all } = await world();
    const pages = await all({ limit });
    expect(pages.flat()).toEqual(EVERYTHING);
    expect(Math.max(...pages.map(({ length }) => length))).toBeLessThanOrEqual(limit);
  });

  it('may be short, or empty, where there are many days, and lose nothing', async () => {
    const { all } = await world(2);
    const pages = await all({});
    expect(pages.flat()).toEqual(EVERYTHING);
    expect(pages.length).toBeGreaterThan(3);
  });

  it('are of one kind, of one subject, of one period', async () => {
    const { all } = await world();
    expect((await all({ kind: 'ApiKeyCreated' })).flat()).toHaveLength(3);
    expect((await all({ subject: 'two-1' })).flat()).toEqual(['SignedIn two-1']);
    expect((await all({ subject: 'two' })).flat()).toEqual(['ApiKeyCreated two']);
    const [from, until] = [new Date('2030-01-02T00:00:00Z'), new Date('2030-01-05T00:00:00Z')];
    expect((await all({ from, until })).flat()).toEqual(EVERYTHING.slice(3, 6));
    expect((await all({ until: new Date('2030-01-01T00:00:00Z') })).flat()).toEqual([]);
  });

  it('show no hash of a secret', async () => {
    const { pages } = await world();
    const { entries } = await pages.page({ ...ANY, kind: 'ApiKeyCreated' });
    expect(entries[0]).toMatchObject({ actor: { id: 'cli' }, reason: 'why', stream: 'access-directory' });
    expect(JSON.stringify(entries.map(({ data }) => data))).not.toMatch(/secretHash/);
  });

  it.each(['nonsense', Buffer.from('["1"]').toString('base64url'), Buffer.from('["x","y","z"]').toString('base64url')])(
    'do not begin at what is no cursor: %s',
    async (cursor) => {
      const { pages } = await world();
      await expect(pages.page({ ...ANY, cursor })).rejects.toThrow(InvalidCursor);
    },
  );
});
