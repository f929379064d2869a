import { AccessDirectory } from '../../../src/application/access/access-directory.js';
import { newKey } from '../../../src/application/access/api-keys.js';
import { Authenticator } from '../../../src/application/access/authenticator.js';
import { Unauthenticated } from '../../../src/application/access/principal.js';
import type { CommandContext } from '../../../src/application/log/envelope.js';
import { InMemoryEventLog } from '../../../src/testing/in-memory.event-log.js';
import { VirtualClock } from '../../../src/testing/virtual-clock.js';

const LIMITS = { keys: 3, grants: 3, blocked: 3 };
const by = { type: 'system', id: 'cli' } as const;

const world = () => {
  const [log, clock] = [new InMemoryEventLog(), new VirtualClock()];
  const directory = new AccessDirectory({ log, clock });
  const authenticator = new Authenticator('keys', { directory, clock });
  let commands = 0;
  const context = (): CommandContext => ({
    ...{ commandId: `c${commands++}`, at: clock.now(), actor: by, reason: null, causationId: null, traceparent: null },
  });
  const create = async (seed: number, expiresAt: string | null = null) => {
    const made = newKey((bytes) => new Uint8Array(bytes).fill(seed));
    const at = clock.now().toISOString();
    const given = {
      id: made.id,
      secretHash: made.secretHash,
      name: `service-${seed}`,
      expiresAt,
      by,
      reason: null,
      at,
    };
    const data = { ...given, grants: [{ role: 'viewer', projects: 'all' }] as const, limits: LIMITS };
    await directory.execute({ type: 'CreateApiKey', data }, context());
    return made;
  };
  const revoke = (id: string) =>
    directory.execute(
      { type: 'RevokeApiKey', data: { id, by, reason: null, at: clock.now().toISOString(), administrators: 'nobody' } },
      context(),
    );
  const ask = async (key: string) => authenticator.authenticate({ authorization: `Bearer ${key}` });
  return { log, clock, directory, authenticator, create, revoke, ask };
};

describe('API keys', () => {
  it('prove the service that holds them', async () => {
    const { create, ask } = world();
    const { key } = await create(1);
    expect(key).toMatch(/^wfx_[a-z0-9]{12}_[A-Za-z0-9_-]{43}$/);
    expect((await ask(key)).actor).toEqual({
      ...{ type: 'service', id: 'service-1', issuer: 'keys', via: 'key', verified: true },
    });
  });

  it('are in the log by their hashes only', async () => {
    const { create, log } = world();
    const { key, secretHash } = await create(1);
    const text = JSON.stringify((await log.read('access-directory')).events.map(({ data }) => data));
    expect(text).toContain(secretHash);
    expect(text).not.toContain(key.slice(-43));
  });

  it('are refused with the rule that they broke', async () => {
    const { create, revoke, ask, clock } = world();
    const [revoked, short] = [await create(1), await create(2, new Date(clock.now().getTime() + 1_000).toISOString())];
    await revoke(revoked.id);
    await clock.pass(2_000);
    const unknown = newKey((bytes) => new Uint8Array(bytes).fill(9)).key;
    const wrong = `${short.key.slice(0, -1)}${short.key.endsWith('A') ? 'B' : 'A'}`;
    const messages = await Promise.all(
      [revoked.key, short.key, unknown, wrong, 'wfx_no', 'no-key'].map((key) =>
        ask(key).then(
          () => 'let in',
          (error: unknown) => (error instanceof Unauthenticated ? error.message : String(error)),
        ),
      ),
    );
    expect(messages).toEqual([
      'Credentials: the API key was revoked',
      'Credentials: the API key has expired',
      'Credentials: the API key is not known here',
      'Credentials: the API key is not known here',
      'Credentials: the API key is malformed: expected wfx_<12 characters>_<43 characters>',
      'Credentials: this installation takes API keys only, and this is none',
    ]);
  });

  it('are bounded in number, those that ended aside', async () => {
    const { create, revoke } = world();
    const { id } = await create(1);
    await create(2);
    await create(3);
    await expect(create(4)).rejects.toThrow('at most 3 keys');
    await revoke(id);
    await expect(create(4)).resolves.toBeDefined();
  });

  it('end what is open under them when they are revoked', async () => {
    const { create, revoke, ask, authenticator } = world();
    const [one, other] = [await create(1), await create(2)];
    const ended: string[] = [];
    authenticator.watch(await ask(one.key), (why) => ended.push(why));
    authenticator.watch(await ask(other.key), () => ended.push('the other'));
    await revoke(one.id);
    expect(ended).toEqual(['Credentials: the API key has ended']);
  });

  it('end what is opened under them a moment after they were revoked', async () => {
    const { create, revoke, ask, authenticator } = world();
    const { id, key } = await create(1);
    const principal = await ask(key);
    await revoke(id);
    const ended: string[] = [];
    authenticator.watch(principal, (why) => ended.push(why));
    expect(ended).toEqual(['Credentials: the API key has ended']);
  });

  it('end what is open under them when the overlap of their rotation is over', async () => {
    const { create, ask, authenticator, directory, clock } = world();
    const { id, key } = await create(1);
    const ended: string[] = [];
    authenticator.watch(await ask(key), (why) => ended.push(why));
    const next = newKey((bytes) => new Uint8Array(bytes).fill(2));
    const overlapUntil = new Date(clock.now().getTime() + 1_000).toISOString();
    const data = {
      ...{ id: next.id, secretHash: next.secretHash, expiresAt: null, replaces: id, overlapUntil },
      ...{ by, reason: null, at: clock.now().toISOString(), limits: LIMITS },
    };
    const context = { commandId: 'r', at: clock.now(), actor: by, reason: null, causationId: null, traceparent: null };
    await directory.execute({ type: 'RotateApiKey', data }, context);
    await clock.pass(999);
    expect(ended).toEqual([]);
    await clock.pass(2);
    expect(ended).toEqual(['Credentials: the API key has ended']);
  });
});
