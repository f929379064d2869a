/** Sessions of people who signed in over a page: in a store that all instances share, and for a moment in memory. */
import { createHash, createHmac } from 'node:crypto';
import { subjectId, type Directory, type Subject } from '../../domain/access/directory.js';
import type { Grant } from '../../domain/access/grants.js';
import { every, type Clock } from '../runtime/clock.js';
import { NotReady, type OnError } from '../runtime/errors.js';

export type Session = Readonly<{
  /** SHA-256 of the cookie's secret, hex. The secret itself is nowhere. */
  id: string;
  issuer: string;
  subject: string;
  name: string;
  /** What the provider's claims gave at the sign-in. */
  claimed: readonly Grant[];
  /** When the provider saw the person. */
  authenticatedAt: Date;
  createdAt: Date;
  lastSeenAt: Date;
  /** The end, however much it is used. */
  expiresAt: Date;
}>;

/** `purpose`: what the person signed in for; counts until `expiresAt`. */
type FreshSignIn = Readonly<{ purpose: string; expiresAt: Date }>;

export type NewSession = Readonly<{
  session: Session;
  /** Hash of what makes the sign-in one of its own; it counts once. */
  signIn: Readonly<{ id: string; expiresAt: Date }>;
  fresh: FreshSignIn | null;
  /** The session that the browser had before. */
  replaces: string | null;
}>;

/** Times are the caller's. Each method throws what the store says where it does not answer. */
export abstract class SessionStore {
  /**
   * Forgets, by the way, what has ended, and of the same person the oldest sessions beyond `most`.
   * @returns false where the sign-in was used before: nothing is made then
   */
  abstract create(made: NewSession, limits: Readonly<{ most: number; idleMs: number }>): Promise<boolean>;
  /** Those that have not ended. */
  abstract find(ids: readonly string[], now: Date, idleMs: number): Promise<readonly Session[]>;
  abstract touch(id: string, at: Date): Promise<void>;
  abstract end(id: string): Promise<void>;
  abstract endOf(subjects: readonly Subject[]): Promise<void>;
  /** Uses up the latest of that session and purpose. @returns when the person was authenticated; null where there is none */
  abstract consumeFresh(id: string, purpose: string, now: Date): Promise<Date | null>;
}

export type SessionLimits = Readonly<{
  lifetimeMs: number;
  /** A session that is not used for so long has ended. */
  idleMs: number;
  /** Of one person at the same time. */
  mostOfOne: number;
  /** Sessions in memory. */
  remembered: number;
  /** For so long memory is believed: another instance's sign-out counts within that time. */
  believeMs: number;
}>;

export const DEFAULT_SESSION_LIMITS = { mostOfOne: 20, remembered: 10_000, believeMs: 1_000 };

/** Of a session that is used all the time, the store hears once in this part of the idle time. */
const TOUCHES = 20;
const LOOKED_AT_ONCE = 1_000;
const SECRET = /^[A-Za-z0-9_-]{43}$/;

type Ports = Readonly<{
  store: SessionStore;
  clock: Clock;
  /** Of the installation: CSRF tokens are made with it. */
  key: Uint8Array;
  onError: OnError;
}>;

type Known = Readonly<{ session: Session; readAt: number }>;
type Watched = Readonly<{ session: Session | undefined; listeners: Set<() => void> }>;

export class Sessions {
  private readonly known = new Map<string, Known>();
  private readonly reading = new Map<string, Promise<Session | null>>();
  private readonly watched = new Map<string, Watched>();
  private readonly ending = new AbortController();
  private loop: Promise<void> = Promise.resolve();

  constructor(
    private readonly ports: Ports,
    readonly limits: SessionLimits,
  ) {}

  /** Looks each second whether what is open here is still open elsewhere. */
  start(): void {
    const { clock, onError } = this.ports;
    const failed = (error: unknown) => onError('Looking whether sessions have ended failed and is tried again', error);
    this.loop = every(clock, this.limits.believeMs, this.ending.signal, () => this.look(), failed);
  }

  async stop(): Promise<void> {
    this.ending.abort();
    await this.loop;
  }

  /** @returns false where the sign-in was used before. @throws NotReady */
  async create(made: NewSession): Promise<boolean> {
    const { mostOfOne: most, idleMs } = this.limits;
    const isMade = await this.asked(this.ports.store.create(made, { most, idleMs }));
    if (made.replaces !== null) this.forget(made.replaces);
    return isMade;
  }

  /** @param secret as the cookie has it. @returns null where there is no such session, or none any more. @throws NotReady */
  async find(secret: string): Promise<Session | null> {
    if (!SECRET.test(secret)) return null;
    const id = sessionIdOf(secret);
    const now = this.ports.clock.now();
    const known = this.known.get(id);
    const isFresh = known !== undefined && now.getTime() - known.readAt < this.limits.believeMs;
    const session = isFresh ? known.session : await this.read(id);
    if (!session || !this.isCurrent(session, now)) return null;
    this.touch(session, now);
    return session;
  }

  /** As far as this instance knows. */
  isSignedIn(id: string): boolean {
    const session = this.known.get(id)?.session ?? this.watched.get(id)?.session;
    return session !== undefined && this.isCurrent(session, this.ports.clock.now());
  }

  /** @param listener called once when the session has ended, wherever that was. @returns ends the watching */
  whenEnded(id: string, listener: () => void): () => void {
    const { session, listeners } = this.watched.get(id) ?? {
      session: this.known.get(id)?.session,
      listeners: new Set(),
    };
    this.watched.set(id, { session, listeners: listeners.add(listener) });
    return () => {
      listeners.delete(listener);
      if (listeners.size === 0 && this.watched.get(id)?.listeners === listeners) this.watched.delete(id);
    };
  }

  /** @throws NotReady */
  async end(id: string): Promise<void> {
    await this.asked(this.ports.store.end(id));
    this.forget(id);
  }

  /** @throws NotReady */
  async endOf(subjects: readonly Subject[]): Promise<void> {
    await this.asked(this.ports.store.endOf(subjects));
    const ended = new Set(subjects.map(subjectId));
    for (const { session } of [...this.known.values()]) if (ended.has(subjectId(session))) this.forget(session.id);
  }

  /** @throws NotReady */
  consumeFresh(id: string, purpose: string): Promise<Date | null> {
    return this.asked(this.ports.store.consumeFresh(id, purpose, this.ports.clock.now()));
  }

  /** What writes of a page have to show: no page of another origin can read it. */
  csrfTokenOf(id: string): string {
    return createHmac('sha256', this.ports.key).update(`csrf:${id}`).digest('base64url');
  }

  private isCurrent({ expiresAt, lastSeenAt }: Session, now: Date): boolean {
    return now < expiresAt && now.getTime() - lastSeenAt.getTime() < this.limits.idleMs;
  }

  /** Requests that come at once ask once. */
  private read(id: string): Promise<Session | null> {
    const reading = this.reading.get(id) ?? this.readNow(id).finally(() => this.reading.delete(id));
    this.reading.set(id, reading);
    return reading;
  }

  private async readNow(id: string): Promise<Session | null> {
    const now = this.ports.clock.now();
    const [session] = await this.asked(this.ports.store.find([id], now, this.limits.idleMs));
    if (session) this.keep(session, now.getTime());
    else this.forget(id);
    return session ?? null;
  }

  private keep(session: Session, readAt: number): void {
    const { id } = session;
    this.known.delete(id);
    if (this.known.size >= this.limits.remembered) this.known.delete(this.known.keys().next().value!);
    this.known.set(id, { session, readAt });
    const watched = this.watched.get(id);
    if (watched) this.watched.set(id, { ...watched, session });
  }

  private forget(id: string): void {
    this.known.delete(id);
    const watched = this.watched.get(id);
    this.watched.delete(id);
    for (const listener of watched?.listeners ?? []) listener();
  }

  /** In the background: a request need not wait for it, and the next one says it again. */
  private touch(session: Session, now: Date): void {
    if (now.getTime() - session.lastSeenAt.getTime() < this.limits.idleMs / TOUCHES) return;
    const readAt = this.known.get(session.id)?.readAt ?? 0;
    this.keep({ ...session, lastSeenAt: now }, readAt);
    const { store, onError } = this.ports;
    store.touch(session.id, now).catch((error: unknown) => onError('Noting that a session is used failed', error));
  }

  private async look(): Promise<void> {
    const { store, clock } = this.ports;
    const ids = [...this.watched.keys()];
    for (let from = 0; from < ids.length; from += LOOKED_AT_ONCE) {
      const asked = ids.slice(from, from + LOOKED_AT_ONCE);
      const now = clock.now();
      const found = await store.find(asked, now, this.limits.idleMs);
      for (const session of found) this.keep(session, now.getTime());
      const left = new Set(found.map(({ id }) => id));
      for (const id of asked) if (!left.has(id)) this.forget(id);
    }
  }

  private async asked<Value>(asking: Promise<Value>): Promise<Value> {
    try {
      return await asking;
    } catch (error) {
      throw new NotReady('Sessions cannot be looked up at this moment: repeat the request', { cause: error });
    }
  }
}

export const sessionIdOf = (secret: string): string => createHash('sha256').update(secret).digest('hex');

/**
 * Who is blocked is let in nowhere; and when the block is lifted, it takes a new sign-in.
 * @returns to be called after each change of the directory
 */
export const endSessionsOfBlocked = (sessions: Pick<Sessions, 'endOf'>, onError: OnError) => {
  let ended: ReadonlyMap<string, string> = new Map();
  return async ({ subjects }: Directory): Promise<void> => {
    const blocked = [...subjects.values()].filter(({ blockedAt }) => blockedAt !== null);
    const anew = blocked.filter((each) => ended.get(subjectId(each)) !== each.blockedAt);
    ended = new Map(blocked.map((each) => [subjectId(each), each.blockedAt!]));
    if (anew.length === 0) return;
    await sessions
      .endOf(anew)
      .catch((error: unknown) => onError('Ending the sessions of blocked people failed', error));
  };
};
