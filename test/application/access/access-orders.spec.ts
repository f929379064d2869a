import { AccessDirectory, AccessDirectoryWatch } from '../../../src/application/access/access-directory.js';
import { AccessOrders, type OrderRules } from '../../../src/application/access/access-orders.js';
import { listGrants, listKeys } from '../../../src/application/access/access-views.js';
import { Authenticator } from '../../../src/application/access/authenticator.js';
import { KeyUses, KeyUseStore } from '../../../src/application/access/key-uses.js';
import { LogUnavailable } from '../../../src/application/log/event-log.js';
import { InvalidCursor } from '../../../src/application/queries/read-model.js';
import { InMemoryEventLog } from '../../../src/testing/in-memory.event-log.js';
import { CountingIds } from '../../support/saga-world.js';
import { VirtualClock } from '../../../src/testing/virtual-clock.js';

const RULES: OrderRules = { limits: { keys: 9, grants: 9, blocked: 9 }, administrators: 'keys', isOpen: false };
const caller = (idempotencyKey: string | null = null) => ({
  ...{
    actor: { type: 'service', id: 'root', issuer: 'keys' } as const,
    reason: 'why',
    idempotencyKey,
    traceparent: null,
  },
});
const SERVICE = { name: 'reports', grants: [{ role: 'viewer', projects: 'all' }] as const, expiresAt: null };
const DAY_MS = 86_400_000;

/** Two instances on one log. */
const world = (rules: Partial<OrderRules> = {}) => {
  const clock = new VirtualClock();
  const log = new InMemoryEventLog(() => clock.now());
  const ids = new CountingIds('a');
  let seed = 0;
  const random = (bytes: number) => new Uint8Array(bytes).fill(seed++);
  const directory = new AccessDirectory({ log, clock });
  const orders = new AccessOrders({ directory, clock, ids, random }, { ...RULES, ...rules });
  const other = new AccessDirectory({ log, clock });
  const watch = new AccessDirectoryWatch(other, { log, clock, ids }, () => undefined);
  const at = (directory: AccessDirectory) => async (key: string) => {
    const authenticator = new Authenticator('keys', { directory, clock });
    return (await authenticator.authenticate({ authorization: `Bearer ${key}` })).actor.id;
  };
  return { clock, log, directory, orders, watch, here: at(directory), there: at(other) };
};

describe('orders about keys', () => {
  it('show a key once: a repeated request gets its id and no secret', async () => {
    const { orders, directory } = world();
    const made = await orders.createKey(SERVICE, caller('k-1'));
    const again = orders.createKey(SERVICE, caller('k-1'));
    await expect(again).rejects.toMatchObject({ kind: 'Conflict', details: { key_id: made.key.id } });
    expect(directory.current.keys.size).toBe(1);
    const rotation = { id: made.key.id, overlapMs: 0, expiresAt: null };
    const rotated = await orders.rotateKey(rotation, caller('k-2'));
    await expect(orders.rotateKey(rotation, caller('k-2'))).rejects.toMatchObject({
      details: { key_id: rotated.key.id },
    });
    expect(directory.current.keys.size).toBe(2);
  });

  it('rotate with an overlap in which both keys count', async () => {
    const { orders, clock, here } = world();
    const expiresAt = new Date(clock.now().getTime() + 10 * DAY_MS);
    const before = await orders.createKey({ ...SERVICE, expiresAt }, caller());
    await clock.pass(DAY_MS);
    const after = await orders.rotateKey({ id: before.key.id, overlapMs: 60_000, expiresAt: null }, caller());
    expect(after.key).toMatchObject({ name: 'reports', replaces: before.key.id });
    expect(Date.parse(after.key.expiresAt!) - clock.now().getTime()).toBe(10 * DAY_MS);
    await expect(here(before.secret)).resolves.toBe('reports');
    await expect(here(after.secret)).resolves.toBe('reports');
    await clock.pass(60_000);
    await expect(here(before.secret)).rejects.toThrow('expired');
    await expect(here(after.secret)).resolves.toBe('reports');
  });

  it('are in force elsewhere within a second, and stay so while the log is away', async () => {
    const { orders, clock, log, watch, there } = world();
    const { key, secret } = await orders.createKey(SERVICE, caller());
    await watch.start();
    await expect(there(secret)).resolves.toBe('reports');
    await orders.order({ type: 'RevokeApiKey', id: key.id }, caller());
    await clock.pass(1_000);
    await expect(there(secret)).rejects.toThrow('revoked');
    log.read = () => Promise.reject(new LogUnavailable('away'));
    await clock.pass(60_000);
    await expect(there(secret)).rejects.toThrow('revoked');
    await watch.stop();
  });

  it('refuse a key that has ended before it begins, and roles for a service', async () => {
    const { orders, clock } = world();
    await expect(orders.createKey({ ...SERVICE, expiresAt: clock.now() }, caller())).rejects.toThrow('a time to come');
    const subject = { issuer: 'keys', subject: 'reports' };
    const grant = { role: 'admin', projects: 'all' } as const;
    await expect(orders.order({ type: 'GrantRole', subject, grant }, caller())).rejects.toThrow('issuer: expected');
    await expect(orders.order({ type: 'BlockSubject', subject }, caller())).rejects.toThrow('issuer: expected');
  });

  it('are refused where nobody is asked who they are', async () => {
    const { orders, log } = world({ isOpen: true });
    await expect(orders.createKey(SERVICE, caller())).rejects.toThrow('npm run access');
    await expect(orders.order({ type: 'RevokeApiKey', id: 'a' }, caller())).rejects.toThrow('npm run access');
    expect(await log.head()).toBe('start');
  });
});

describe('lists', () => {
  it('are given in pages that go on where the one before ended', async () => {
    const { orders, directory } = world();
    for (let count = 0; count < 3; count++) await orders.createKey({ ...SERVICE, name: `s-${count}` }, caller());
    const first = listKeys(directory.current, { cursor: null, limit: 2 });
    expect(first.rows.map(({ name }) => name)).toEqual(['s-2', 's-1']);
    const second = listKeys(directory.current, { cursor: first.nextCursor, limit: 2 });
    expect(second.rows.map(({ name }) => name)).toEqual(['s-0']);
    expect(second.nextCursor).toBeNull();
    expect(() => listKeys(directory.current, { cursor: 'x', limit: 2 })).toThrow(InvalidCursor);
  });

  it('are of one person or one role', async () => {
    const { orders, directory } = world();
    for (const [subject, role] of [['ann', 'viewer'] as const, ['ann', 'auditor'] as const, ['bob', 'viewer'] as const])
      await orders.order(
        { type: 'GrantRole', subject: { issuer: 'i', subject }, grant: { role, projects: 'all' } },
        caller(),
      );
    const asked = { issuer: null, subject: null, role: null, cursor: null, limit: 9 };
    const rowsOf = (more: object) =>
      listGrants(directory.current, { ...asked, ...more }).rows.map(({ subject, role }) => `${subject} ${role}`);
    expect(rowsOf({})).toEqual(['ann viewer', 'ann auditor', 'bob viewer']);
    expect(rowsOf({ subject: 'ann' })).toEqual(['ann viewer', 'ann auditor']);
    expect(rowsOf({ role: 'viewer' })).toEqual(['ann viewer', 'bob viewer']);
    expect(rowsOf({ issuer: 'j' })).toEqual([]);
  });
});

class MemoryStore extends KeyUseStore {
  readonly writes: ReadonlyMap<string, Date>[] = [];
  isAway = false;
  async write(uses: ReadonlyMap<string, Date>): Promise<void> {
    if (this.isAway) throw new Error('away');
    this.writes.push(uses);
  }
  async all(): Promise<ReadonlyMap<string, Date>> {
    return new Map(this.writes.flatMap((uses) => [...uses]));
  }
}

describe('the last use of a key', () => {
  it('is stored once a minute, however often it is used, and waits while the database is away', async () => {
    const [clock, store, errors] = [new VirtualClock(), new MemoryStore(), [] as string[]];
    const uses = new KeyUses(store, clock, (message) => void errors.push(message));
    uses.start();
    await clock.pass(0);
    for (let count = 0; count < 1_000; count++) uses.note('a');
    expect((await uses.all()).get('a')).toEqual(clock.now());
    expect(store.writes).toHaveLength(0);
    await clock.pass(60_000);
    expect(store.writes).toHaveLength(1);
    await clock.pass(600_000);
    expect(store.writes).toHaveLength(1);
    store.isAway = true;
    uses.note('b');
    await clock.pass(60_000);
    expect(errors).toHaveLength(1);
    store.isAway = false;
    await uses.stop();
    expect([...store.writes[1]!.keys()]).toEqual(['b']);
  });

  it('is noted by whoever lets a key in', async () => {
    const { orders, directory, clock } = world();
    const { key, secret } = await orders.createKey(SERVICE, caller());
    const used: string[] = [];
    const authenticator = new Authenticator('keys', { directory, clock, onKeyUsed: (id) => void used.push(id) });
    await authenticator.authenticate({ authorization: `Bearer ${secret}` });
    expect(() => authenticator.authenticate({ authorization: `Bearer ${secret.slice(0, -1)}_` })).toThrow();
    expect(used).toEqual([key.id]);
  });
});
