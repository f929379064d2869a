/** What one client may ask of an instance, by the settings and the mode. */
import type { DataSource } from 'typeorm';
import type { Clock } from '../application/runtime/clock.js';
import { OpenCount, RateLimiter } from '../application/runtime/rate-limiter.js';
import type { Config } from '../infrastructure/config/config.js';
import { PostgresRateLimit } from '../infrastructure/postgres/access/postgres-rate-limit.js';
import type { RequestLimits } from '../interfaces/http/server/request-limits.js';

/** Where everyone is asked who they are, clients may be strangers to each other. Mode `local` has one user. */
const IN_A_NETWORK = { address: 100, principal: 50, startsPerMinute: 600, streams: 100, sockets: 500 };
const NOTHING = { address: 0, principal: 0, startsPerMinute: 0, streams: 0, sockets: 0 };

/** After a rest so many seconds' requests may come at once. */
const BURST_MS = 5_000;
/** Addresses, and principals, of which an instance remembers at the same time how much they asked. */
const REMEMBERED = 20_000;
const MINUTE_SECONDS = 60;

/** @returns undefined where nothing is limited: no request pays for it then */
export const requestLimits = (
  config: Config,
  clock: Clock,
  dataSource: DataSource,
  isOwnCall: RequestLimits['isOwnCall'],
): RequestLimits | undefined => {
  const byMode = config.auth === 'local' ? NOTHING : IN_A_NETWORK;
  const rate = (perSecond: number) => {
    const limit = { calls: (perSecond * BURST_MS) / 1_000, windowMs: BURST_MS };
    return perSecond === 0 ? null : new RateLimiter(limit, clock, REMEMBERED);
  };
  const count = (most: number) => (most === 0 ? null : new OpenCount(most));
  const starts = config.rateStartsPerMinute ?? byMode.startsPerMinute;
  const limits = {
    address: rate(config.rateAddressRequestsPerSecond ?? byMode.address),
    principal: rate(config.rateRequestsPerSecond ?? byMode.principal),
    starts: starts === 0 ? null : startLimit(dataSource, starts),
    streams: count(config.maxStreamsPerPrincipal ?? byMode.streams),
    sockets: count(config.maxSocketsPerAddress ?? byMode.sockets),
  };
  return Object.values(limits).every((limit) => limit === null) ? undefined : { ...limits, isOwnCall };
};

const startLimit = (dataSource: DataSource, allowed: number) =>
  new PostgresRateLimit(dataSource, { name: 'starts', allowed, perSeconds: MINUTE_SECONDS });
