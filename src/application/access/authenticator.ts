/** Who asks: found out from what a request presents, and from nothing else. */
import { isKeyValid, subjectId, type Directory } from '../../domain/access/directory.js';
import { Rights, type Grant } from '../../domain/access/grants.js';
import type { Actor } from '../log/envelope.js';
import type { Clock } from '../runtime/clock.js';
import type { AccessDirectory } from './access-directory.js';
import { KEY_PREFIX, keyPresented, principalOfKey } from './api-keys.js';
import { LOCAL, Unauthenticated, type Credential, type Principal } from './principal.js';

export type AuthMode = 'local' | 'keys' | 'oidc';

/** What came with a request or a connection. */
export type Presented = Readonly<{
  /** The header of that name. */
  authorization?: string | undefined;
  /** A key or token that came in another place: a connection of a browser cannot send the header. */
  token?: string | undefined;
  /** The header of that name. */
  cookie?: string | undefined;
}>;

/** A person whom the provider vouches for, before it is known what they may do here. */
export type Person = Readonly<{
  issuer: string;
  subject: string;
  name: string;
  credential: Exclude<Credential, Readonly<{ kind: 'local' | 'key' }>>;
}>;

/** What knows people; of mode `oidc`. Null where nothing of its kind was presented. */
export abstract class People {
  /** @throws Unauthenticated, NotReady where the provider or the store of sessions cannot be asked now */
  abstract byToken(token: string): Promise<Person>;
  abstract byCookie(cookie: string): Promise<Person | null>;
  /** Whether a session still counts, as far as this instance knows. */
  abstract isSignedIn(sessionId: string): boolean;
  /** @param listener called once when the session has ended, on whichever instance. @returns ends the watching */
  abstract whenEnded(sessionId: string, listener: () => void): () => void;
  /** What a write of a page has to show beside the session's cookie. */
  abstract csrfTokenOf(sessionId: string): string;
}

type Ports = Readonly<{
  directory: AccessDirectory;
  clock: Clock;
  people?: People | undefined;
  /** Told of each key that let someone in. It must not take long. */
  onKeyUsed?: (keyId: string) => void;
}>;

const LONGEST_CREDENTIAL = 16 * 1024;
const BEARER = /^Bearer +([\x21-\x7e]+) *$/i;

export class Authenticator {
  constructor(
    readonly mode: AuthMode,
    private readonly ports: Ports,
  ) {}

  /** @throws Unauthenticated, NotReady. In mode `local` everyone is let in, and nothing that is presented is looked at */
  authenticate(presented: Presented): Principal | Promise<Principal> {
    if (this.mode === 'local') return LOCAL;
    const token = this.tokenIn(presented);
    if (token === null) return this.byCookie(presented.cookie);
    if (token.startsWith(KEY_PREFIX)) {
      const { directory, clock, onKeyUsed } = this.ports;
      const key = keyPresented(token, directory.current, clock.now());
      onKeyUsed?.(key.id);
      return principalOfKey(key);
    }
    return this.byToken(token);
  }

  /**
   * Whom the principal's credential proves by now: the same with the rights of now, or nobody.
   * @throws Unauthenticated where it no longer counts
   */
  again(principal: Principal): Principal {
    const { credential, actor } = principal;
    const { directory, clock, people } = this.ports;
    const now = clock.now();
    switch (credential.kind) {
      case 'local':
        return principal;
      case 'key': {
        const key = directory.current.keys.get(credential.id);
        if (!key || !isKeyValid(key, now.toISOString())) throw refused('the API key has ended');
        return principalOfKey(key);
      }
      case 'session':
      case 'token': {
        if (credential.expiresAt <= now) throw refused('the sign-in has expired');
        if (credential.kind === 'session' && !people?.isSignedIn(credential.id)) throw refused('the sign-in has ended');
        return this.known({ issuer: actor.issuer!, subject: actor.id, name: actor.name ?? actor.id, credential });
      }
    }
  }

  /**
   * Calls `end` once when the credential no longer counts, or counts for other things than at the beginning: what is open under
   * it has to be asked for anew. Where that is so already, `end` is called before this returns. @returns ends the watching
   */
  watch(principal: Principal, end: (why: string) => void): () => void {
    const { credential } = principal;
    if (credential.kind === 'local') return () => undefined;
    const { directory, clock, people } = this.ports;
    const before = rightsText(principal);
    let cancelWake: () => void = () => undefined;
    let unfollow: () => void = () => undefined;
    const stop = () => {
      unfollow();
      cancelWake();
    };
    const look = () => {
      cancelWake();
      const why = this.changeOf(principal, before);
      if (why !== null) {
        stop();
        return end(why);
      }
      // A rotation gives a key another end.
      const expiresAt = this.expiryOf(credential);
      if (expiresAt !== null) cancelWake = clock.wakeAt(expiresAt, look);
    };
    const unfollows = [directory.onChange(look)];
    if (credential.kind === 'session' && people) unfollows.push(people.whenEnded(credential.id, look));
    unfollow = () => {
      for (const each of unfollows.splice(0)) each();
    };
    // Between the check of the credential and this, too, it may have ended.
    look();
    return stop;
  }

  /** @returns null where nothing has changed */
  private changeOf(principal: Principal, before: string): string | null {
    try {
      return rightsText(this.again(principal)) === before ? null : 'What you may do here has changed';
    } catch (error) {
      if (!(error instanceof Unauthenticated)) throw error;
      return error.message;
    }
  }

  /** What a write has to show beside the credential; null where the credential alone proves who wrote it. */
  csrfTokenOf({ credential }: Principal): string | null {
    return credential.kind === 'session' ? (this.ports.people?.csrfTokenOf(credential.id) ?? null) : null;
  }

  private expiryOf(credential: Credential): Date | null {
    if (credential.kind === 'local') return null;
    if (credential.kind !== 'key') return credential.expiresAt;
    const expiresAt = this.ports.directory.current.keys.get(credential.id)?.expiresAt ?? null;
    return expiresAt === null ? null : new Date(expiresAt);
  }

  /** @throws Unauthenticated for a header that holds no credential of a known kind */
  private tokenIn({ authorization, token }: Presented): string | null {
    const given = authorization === undefined ? (token ?? null) : (BEARER.exec(authorization)?.[1] ?? '');
    if (given === null) return null;
    if (given === '' || given.length > LONGEST_CREDENTIAL)
      throw refused(`expected "Bearer" and a key or token of at most ${LONGEST_CREDENTIAL} characters`);
    return given;
  }

  private async byToken(token: string): Promise<Principal> {
    const { people } = this.ports;
    if (!people) throw refused('this installation takes API keys only, and this is none');
    return this.known(await people.byToken(token));
  }

  private async byCookie(cookie: string | undefined): Promise<Principal> {
    const person = cookie === undefined ? null : await this.ports.people?.byCookie(cookie);
    if (person) return this.known(person);
    const expected = this.mode === 'oidc' ? 'an API key, a token or a sign-in' : 'an API key';
    throw new Unauthenticated('CREDENTIALS_MISSING', `Credentials: expected ${expected}, got none`);
  }

  private known({ issuer, subject, name, credential }: Person): Principal {
    const actor: Actor = { type: 'user', id: subject, name, issuer, via: 'oidc', verified: true };
    const grants = grantsIn(this.ports.directory.current, { issuer, subject });
    return { actor, rights: new Rights([...credential.claimed, ...grants]), credential };
  }
}

/** @throws Unauthenticated for a person who is blocked */
const grantsIn = ({ subjects }: Directory, of: Readonly<{ issuer: string; subject: string }>): readonly Grant[] => {
  const known = subjects.get(subjectId(of));
  if (known && known.blockedAt !== null) throw refused('this person is blocked here');
  return known?.grants ?? [];
};

const rightsText = ({ rights: { grants } }: Principal): string =>
  JSON.stringify(grants.map(({ role, projects }) => [role, projects]));

const refused = (why: string): Unauthenticated => new Unauthenticated('CREDENTIALS_REFUSED', `Credentials: ${why}`);
