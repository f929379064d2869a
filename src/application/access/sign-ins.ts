/**
 * Sign-ins over a page, from the first redirect to the session. What belongs to a sign-in that is under way is in a ticket that
 * its browser keeps: so any instance can go on with it, and a sign-in that nobody finishes takes no room here.
 */
import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import { grantsClaimed, nameClaimed, type ClaimRules } from '../../domain/access/claims.js';
import { subjectId } from '../../domain/access/directory.js';
import type { Actor } from '../log/envelope.js';
import type { Clock } from '../runtime/clock.js';
import { NotReady } from '../runtime/errors.js';
import type { AccessDirectory } from './access-directory.js';
import type { AccessLog } from './access-log.js';
import { FRESH_SIGN_IN_MS } from './fresh-sign-ins.js';
import { SignInRefused, type OpenIdProvider, type SignInSecrets, type Vouched } from './provider.js';
import { sessionIdOf, type NewSession, type Sessions } from './sessions.js';

/** A ticket counts for so long. */
export const TICKET_MS = 10 * 60_000;
/** How far the provider's clock may be from ours. */
const SKEW_MS = 60_000;
/** Codes that are exchanged with the provider at the same time. */
const MOST_EXCHANGES = 32;
const SECRET_BYTES = 32;

/** `purpose`: what a fresh sign-in is for; null for any other. `returnTo`: a path of the pages' origin. */
export type SignInAsked = Readonly<{ returnTo: string; purpose: string | null }>;

type Ticket = SignInAsked & Readonly<{ secret: string; startedAt: number }>;

type Ports = Readonly<{
  provider: OpenIdProvider;
  sessions: Sessions;
  directory: Pick<AccessDirectory, 'current'>;
  rules: ClaimRules;
  clock: Clock;
  accessLog: Pick<AccessLog, 'signedIn' | 'signedInFreshly'>;
  /** Of the installation: tickets are signed with it. */
  key: Uint8Array;
  random: (bytes: number) => Uint8Array;
}>;

/** `ticket` and `secret`: for cookies that no script can read. */
export type SignInBegun = Readonly<{ url: string; ticket: string }>;
export type SignInDone = Readonly<{ secret: string; lifetimeMs: number; returnTo: string }>;

export class SignIns {
  private exchanges = 0;

  constructor(private readonly ports: Ports) {}

  /** @throws NotReady where the provider cannot be asked */
  async begin({ returnTo, purpose }: SignInAsked): Promise<SignInBegun> {
    const { provider, clock, random } = this.ports;
    const secret = Buffer.from(random(SECRET_BYTES)).toString('base64url');
    const ticket = { secret, returnTo, purpose, startedAt: clock.now().getTime() };
    const url = await provider.signInUrl(secretsOf(secret), purpose !== null);
    return { url, ticket: this.sealed(ticket) };
  }

  /**
   * @param query of the address to which the provider sent the browser
   * @param sealed the ticket, as the browser kept it; null where it kept none
   * @param before the secret of the session that the browser had until now
   * @throws SignInRefused, NotReady
   */
  async finish(query: string, sealed: string | null, before: string | null): Promise<SignInDone> {
    const ticket = this.opened(sealed);
    const secrets = secretsOf(ticket.secret);
    if (!isSame(new URLSearchParams(query).get('state') ?? '', secrets.state))
      throw new SignInRefused('expired', 'The answer belongs to another sign-in than the one that this browser began');
    const { sessions, random } = this.ports;
    const vouched = await this.exchange(query, secrets);
    this.mustNotBeBlocked(vouched);
    const secret = Buffer.from(random(SECRET_BYTES)).toString('base64url');
    const made = this.sessionFor(vouched, ticket, sessionIdOf(secret), before);
    if (!(await sessions.create(made))) throw new SignInRefused('expired', 'This sign-in was finished before');
    this.record(made, ticket);
    return { secret, lifetimeMs: sessions.limits.lifetimeMs, returnTo: ticket.returnTo };
  }

  private record({ session: { subject, name, issuer } }: NewSession, { purpose }: Ticket): void {
    const actor: Actor = { type: 'user', id: subject, name, issuer, via: 'oidc', verified: true };
    if (purpose === null) this.ports.accessLog.signedIn(actor);
    else this.ports.accessLog.signedInFreshly(actor);
  }

  private async exchange(query: string, secrets: SignInSecrets) {
    if (this.exchanges >= MOST_EXCHANGES) throw new NotReady('Too many sign-ins at this moment: try again');
    this.exchanges += 1;
    try {
      return await this.ports.provider.exchange(query, secrets);
    } finally {
      this.exchanges -= 1;
    }
  }

  private mustNotBeBlocked(person: Vouched): void {
    const known = this.ports.directory.current.subjects.get(subjectId(person));
    if (known && known.blockedAt !== null) throw new SignInRefused('blocked', 'This person is blocked here');
  }

  private sessionFor(
    { issuer, subject, claims, authenticatedAt }: Vouched & Readonly<{ authenticatedAt: Date | null }>,
    { secret, purpose, startedAt }: Ticket,
    id: string,
    before: string | null,
  ): NewSession {
    const { clock, rules, sessions } = this.ports;
    const now = clock.now();
    const after = (ms: number) => new Date(now.getTime() + ms);
    const fresh = purpose === null ? null : { purpose, expiresAt: freshUntil(authenticatedAt, startedAt, now) };
    return {
      session: {
        ...{ id, issuer, subject, name: nameClaimed(claims, rules, subject), claimed: grantsClaimed(claims, rules) },
        ...{ authenticatedAt: authenticatedAt ?? now, createdAt: now, lastSeenAt: now },
        expiresAt: after(sessions.limits.lifetimeMs),
      },
      signIn: { id: sessionIdOf(secret), expiresAt: after(TICKET_MS) },
      fresh,
      replaces: before === null ? null : sessionIdOf(before),
    };
  }

  private sealed(ticket: Ticket): string {
    const text = Buffer.from(JSON.stringify(ticket)).toString('base64url');
    return `${text}.${this.sealOf(text)}`;
  }

  private sealOf(text: string): string {
    return createHmac('sha256', this.ports.key).update(`ticket:${text}`).digest('base64url');
  }

  private opened(sealed: string | null): Ticket {
    const [text = '', seal = ''] = (sealed ?? '').split('.');
    if (!isSame(seal, this.sealOf(text)))
      throw new SignInRefused('expired', 'This browser began no sign-in, or not in time');
    const ticket = JSON.parse(Buffer.from(text, 'base64url').toString()) as Ticket;
    if (this.ports.clock.now().getTime() >= ticket.startedAt + TICKET_MS)
      throw new SignInRefused('expired', 'The sign-in took longer than 10 minutes');
    return ticket;
  }
}

/** Three that tell nothing of each other: only whoever has the ticket can know them. */
const secretsOf = (secret: string): SignInSecrets => {
  const derived = (use: string) => createHmac('sha256', secret).update(use).digest('base64url');
  return { state: derived('state'), nonce: derived('nonce'), verifier: derived('verifier') };
};

/** @throws SignInRefused where the provider did not authenticate the person for this sign-in */
const freshUntil = (authenticatedAt: Date | null, startedAt: number, now: Date): Date => {
  if (authenticatedAt === null || authenticatedAt.getTime() < startedAt - SKEW_MS)
    throw new SignInRefused('stale', 'The provider did not ask the person to authenticate anew');
  return new Date(Math.min(authenticatedAt.getTime(), now.getTime()) + FRESH_SIGN_IN_MS);
};

const isSame = (given: string, expected: string): boolean =>
  timingSafeEqual(createHash('sha256').update(given).digest(), createHash('sha256').update(expected).digest());
