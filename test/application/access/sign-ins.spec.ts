import { AccessDirectory } from '../../../src/application/access/access-directory.js';
import { Authenticator, People } from '../../../src/application/access/authenticator.js';
import { OpenIdProvider, type SignInSecrets } from '../../../src/application/access/provider.js';
import { cookieIn, cookieNames } from '../../../src/application/access/session-cookies.js';
import { Sessions, SessionStore, type NewSession, type Session } from '../../../src/application/access/sessions.js';
import { SignIns } from '../../../src/application/access/sign-ins.js';
import type { Actor } from '../../../src/application/log/envelope.js';
import { InMemoryEventLog } from '../../../src/testing/in-memory.event-log.js';
import { VirtualClock } from '../../../src/testing/virtual-clock.js';

const MINUTE = 60_000;

/** The shared store, as far as a sign-in needs it. */
class StoreInMemory extends SessionStore {
  readonly made: NewSession[] = [];
  async create(made: NewSession) {
    const isNew = !this.made.some(({ signIn }) => signIn.id === made.signIn.id);
    if (isNew) this.made.push(made);
    return isNew;
  }
  async find(): Promise<readonly Session[]> {
    return this.made.map(({ session }) => session);
  }
  async touch() {}
  async end() {}
  async endOf() {}
  async consumeFresh() {
    return null;
  }
}

/** Vouches for ann, and says when it saw her. */
class Vouching extends OpenIdProvider {
  authenticatedAt: Date | null = null;
  readonly asked: Readonly<{ secrets: SignInSecrets; isFresh: boolean }>[] = [];
  async signInUrl(secrets: SignInSecrets, isFresh: boolean) {
    this.asked.push({ secrets, isFresh });
    return 'https://id.example/authorize';
  }
  async exchange() {
    const { authenticatedAt } = this;
    return { issuer: 'https://id.example', subject: 'ann', claims: { roles: ['viewer'] }, authenticatedAt };
  }
}

const world = () => {
  const [log, clock, store, provider] = [
    new InMemoryEventLog(),
    new VirtualClock(),
    new StoreInMemory(),
    new Vouching(),
  ];
  const directory = new AccessDirectory({ log, clock });
  const [key, onError] = [Buffer.alloc(32, 1), () => undefined];
  const limits = { lifetimeMs: 60 * MINUTE, idleMs: 10 * MINUTE, mostOfOne: 3, remembered: 10, believeMs: 1_000 };
  const sessions = new Sessions({ store, clock, key, onError }, limits);
  const rules = { rolesClaim: 'roles', projectsClaim: null, nameClaim: 'name', roleNames: null };
  let seed = 0;
  const random = (bytes: number) => new Uint8Array(bytes).fill(++seed);
  const recorded: string[] = [];
  const note = (what: string) => (actor: Actor) => void recorded.push(`${what} ${actor.id}`);
  const accessLog = { signedIn: note('signed in'), signedInFreshly: note('signed in freshly') };
  const signIns = new SignIns({ provider, sessions, directory, rules, clock, accessLog, key, random });
  const begin = async (purpose: string | null = null) => {
    const { ticket } = await signIns.begin({ returnTo: '/there', purpose });
    return { ticket, query: `code=c&state=${provider.asked.at(-1)!.secrets.state}` };
  };
  const outcome = (query: string, ticket: string | null) =>
    signIns.finish(query, ticket, null).then(
      () => 'signed in',
      (error: unknown) => (error as { problem?: string }).problem ?? error,
    );
  const block = () => {
    const at = clock.now().toISOString();
    const by = { type: 'system', id: 'cli' } as const;
    const data = { issuer: 'https://id.example', subject: 'ann', by, reason: null, at };
    const context = { commandId: 'c', at: clock.now(), actor: by, reason: null, causationId: null, traceparent: null };
    const limits = { keys: 1, grants: 1, blocked: 1 };
    return directory.execute({ type: 'BlockSubject', data: { ...data, limits, administrators: 'nobody' } }, context);
  };
  return { clock, store, provider, directory, signIns, begin, outcome, block, recorded };
};

describe('a sign-in', () => {
  it('makes one session, with the roles of the claims', async () => {
    const { begin, signIns, store, outcome, recorded } = world();
    const { query, ticket } = await begin();
    expect(await signIns.finish(query, ticket, null)).toMatchObject({ returnTo: '/there', lifetimeMs: 60 * MINUTE });
    expect(store.made[0]!.session.claimed).toEqual([{ role: 'viewer', projects: 'all' }]);
    expect(await outcome(query, ticket)).toBe('expired');
    expect(store.made).toHaveLength(1);
    expect(recorded).toEqual(['signed in ann']);
  });

  it('has a state, a nonce and a verifier of its own, of which none tells another', async () => {
    const { begin, provider } = world();
    await begin();
    await begin();
    const made = provider.asked.flatMap(({ secrets: { state, nonce, verifier } }) => [state, nonce, verifier]);
    expect(new Set(made).size).toBe(6);
    for (const each of made) expect(each).toMatch(/^[\w-]{43}$/);
  });

  it('is refused with a ticket that is missing, altered, of another sign-in, or late', async () => {
    const { begin, outcome, clock } = world();
    const [one, other] = [await begin(), await begin()];
    const [text, seal] = one.ticket.split('.');
    const altered = Buffer.from(Buffer.from(text!, 'base64url').toString().replace('/there', '/other'));
    for (const ticket of [null, '', `${altered.toString('base64url')}.${seal}`, other.ticket])
      expect(await outcome(one.query, ticket)).toBe('expired');
    await clock.pass(10 * MINUTE);
    expect(await outcome(one.query, one.ticket)).toBe('expired');
  });

  it('of a blocked person makes no session', async () => {
    const { begin, outcome, block, store } = world();
    await block();
    const { query, ticket } = await begin();
    expect(await outcome(query, ticket)).toBe('blocked');
    expect(store.made).toEqual([]);
  });
});

describe('a fresh sign-in', () => {
  it('counts for 5 minutes from when the provider saw the person', async () => {
    const { begin, outcome, provider, clock, store, recorded } = world();
    const { query, ticket } = await begin('sign:1');
    expect(provider.asked[0]!.isFresh).toBe(true);
    provider.authenticatedAt = clock.now();
    await clock.pass(MINUTE);
    expect(await outcome(query, ticket)).toBe('signed in');
    expect(recorded).toEqual(['signed in freshly ann']);
    const expiresAt = new Date(provider.authenticatedAt.getTime() + 5 * MINUTE);
    expect(store.made[0]!.fresh).toEqual({ purpose: 'sign:1', expiresAt });
  });

  it.each([
    ['does not say when', null],
    ['saw the person before', -61_000],
  ])('is refused where the provider %s', async (_, agoMs) => {
    const { begin, outcome, provider, clock, store } = world();
    const { query, ticket } = await begin('sign:1');
    provider.authenticatedAt = agoMs === null ? null : new Date(clock.now().getTime() + agoMs);
    expect(await outcome(query, ticket)).toBe('stale');
    expect(store.made).toEqual([]);
  });
});

describe('what is open under a session', () => {
  it('ends when the session does', async () => {
    const { clock, directory } = world();
    let [isSignedIn, tell] = [true, () => undefined as void];
    class OneSession extends People {
      async byToken(): Promise<never> {
        throw new Error('no token is presented');
      }
      async byCookie() {
        const expiresAt = new Date(clock.now().getTime() + MINUTE);
        const credential = { kind: 'session', id: 's', expiresAt, authenticatedAt: clock.now(), claimed: [] } as const;
        return { issuer: 'i', subject: 'ann', name: 'Ann', credential };
      }
      isSignedIn = () => isSignedIn;
      whenEnded(_id: string, listener: () => void) {
        tell = listener;
        return () => undefined;
      }
      csrfTokenOf = () => 'token';
    }
    const authenticator = new Authenticator('oidc', { directory, clock, people: new OneSession() });
    const principal = await authenticator.authenticate({ cookie: 'any' });
    expect(authenticator.csrfTokenOf(principal)).toBe('token');
    const ended: string[] = [];
    authenticator.watch(principal, (why) => ended.push(why));
    isSignedIn = false;
    tell();
    await clock.pass(2 * MINUTE);
    expect(ended).toEqual(['Credentials: the sign-in has ended']);
  });
});

test('cookies are found by their whole name, and at https no other host can set them', () => {
  expect(cookieNames(true)).toEqual({ session: '__Host-workflow_session', signIn: '__Host-workflow_sign_in' });
  const header = 'x__Host-workflow_session=no; a; __Host-workflow_session=yes; __Host-workflow_session=later';
  expect(cookieIn(header, '__Host-workflow_session')).toBe('yes');
  expect(cookieIn('a=b', 'c')).toBeNull();
  expect(cookieIn(undefined, 'c')).toBeNull();
});
