/** What one client may ask for, by its address and by who it is. */
import type { CanActivate, ExecutionContext } from '@nestjs/common';
import type { IncomingMessage } from 'node:http';
import type { NextFunction, Request, Response } from 'express';
import { isVerified, type Principal } from '../../../application/access/principal.js';
import type { OpenCount, RateLimiter, SharedRateLimit } from '../../../application/runtime/rate-limiter.js';
import { ruleOf } from '../access/access-guard.js';
import { principalOf } from '../access/principal.js';
import { clientOf, networkOf } from './client.js';
import { Refusal } from './refusal.js';

/** Null: no limit of that kind. */
export type RequestLimits = Readonly<{
  /** Requests of an address, whoever asks; of upgrades too. */
  address: RateLimiter | null;
  /** Requests of a principal, from wherever. */
  principal: RateLimiter | null;
  /** Starts of a principal, over all instances. */
  starts: SharedRateLimit | null;
  /** Streams of a principal that are open on this instance. */
  streams: OpenCount | null;
  /** WebSockets of an address that are open on this instance. */
  sockets: OpenCount | null;
  /** Whether a call comes from this installation itself, by the token that it brings. */
  isOwnCall: (token: string | undefined) => boolean;
}>;

/** Who a request counts for: the principal that a credential proves, and else the address. */
export const holderOf = (request: Request): string => {
  const principal = principalOf(request);
  return isVerified(principal) ? nameOf(principal) : networkOf(clientOf(request).address);
};

const nameOf = ({ actor: { type, issuer, id } }: Principal): string => JSON.stringify([type, issuer ?? '', id]);

const OWN_CALL_HEADER = 'x-installation-token';
/** What asks nothing but whether the instance lives; with a credential it would be a way to try some. */
const PROBE = /^\/health\/(live|ready)\/?$/i;

const isExempt = ({ headers, path }: Request, isOwnCall: RequestLimits['isOwnCall']): boolean => {
  if (PROBE.test(path)) return headers.authorization === undefined && headers.cookie === undefined;
  const token = headers[OWN_CALL_HEADER];
  return typeof token === 'string' && isOwnCall(token);
};

/** Before any credential is looked at: to guess keys is as slow as to ask. @throws Refusal 429 */
export const limitAddresses =
  ({ address, isOwnCall }: RequestLimits) =>
  (request: Request, _response: Response, next: NextFunction): void => {
    if (!address || isExempt(request, isOwnCall)) return next();
    const waitMs = takeAddress(address, request);
    if (waitMs > 0) throw tooMany(ofAddress(address), waitMs);
    next();
  };

/** @returns 0, or the milliseconds until this address may ask again */
export const takeAddress = (address: RateLimiter, request: IncomingMessage): number =>
  address.take(networkOf(clientOf(request).address));

/** Of requests that the table of access lets in for a permission. */
export class LimitGuard implements CanActivate {
  constructor(private readonly limits: RequestLimits) {}

  /** @throws Refusal 429 */
  canActivate(context: ExecutionContext): true | Promise<true> {
    const { principal, starts } = this.limits;
    const request = context.switchToHttp().getRequest<Request>();
    const rule = ruleOf(request);
    if (rule?.kind !== 'permission') return true;
    const holder = holderOf(request);
    const waitMs = principal?.take(holder) ?? 0;
    if (principal && waitMs > 0) throw tooMany(ofPrincipal(principal), waitMs);
    return starts && rule.permission === 'executions.start' ? mayStart(starts, holder) : true;
  }
}

const mayStart = async (starts: SharedRateLimit, holder: string): Promise<true> => {
  const waitMs = await starts.take(holder);
  if (waitMs === 0) return true;
  throw tooMany({ limit: 'starts_per_principal', allowed: starts.allowed, per_seconds: starts.perSeconds }, waitMs);
};

/** What an answer says of the limit: its name, and how much it allows. */
type Exceeded = Readonly<{ limit: string; allowed: number; per_seconds?: number }>;

const perSecond = ({ limit: { calls, windowMs } }: RateLimiter) => ({
  allowed: Math.round((calls * 1_000) / windowMs),
  per_seconds: 1,
});
const ofAddress = (limiter: RateLimiter): Exceeded => ({ limit: 'requests_per_address', ...perSecond(limiter) });
const ofPrincipal = (limiter: RateLimiter): Exceeded => ({ limit: 'requests_per_principal', ...perSecond(limiter) });

const tooMany = (exceeded: Exceeded, waitMs: number): Refusal => {
  const seconds = Math.max(1, Math.ceil(waitMs / 1_000));
  const { limit, allowed, per_seconds: per } = exceeded;
  const rate = per === undefined ? 'open at the same time' : per === 1 ? 'a second' : `in ${per} s`;
  const message = `${limit}: expected at most ${allowed} ${rate}, got more; come again in ${seconds} s`;
  return new Refusal(429, 'TOO_MANY_REQUESTS', message, exceeded, { 'Retry-After': String(seconds) });
};

const STREAM_RETRY_MS = 5_000;

/** @returns what ends the stream's place. @throws Refusal 429 */
export const takeStream = (streams: OpenCount | null | undefined, holder: string): (() => void) => {
  if (!streams) return () => undefined;
  const end = streams.take(holder);
  if (end) return end;
  throw tooMany({ limit: 'streams_per_principal', allowed: streams.most }, STREAM_RETRY_MS);
};
