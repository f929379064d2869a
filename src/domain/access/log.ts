/**
 * What is recorded of access beside keys and grants: what was denied, what was given out, who signed in. One stream for each day;
 * the events are a storage contract.
 */
import type { Decider, Message } from '../decider.js';
import { mustHold, orNull, record, text, time, whole, type Shape } from '../shape.js';
import { ACCESS_STREAM_PREFIX } from './directory.js';

/** Who did or asked for it. `issuer`: absent for the system. */
export type Who = Readonly<{ type: string; id: string; issuer?: string | undefined }>;

/** So many of one kind, and between which times; ISO-8601 UTC. */
export type Sum = Readonly<{ count: number; from: string; until: string }>;

/** Which rule a request broke. */
export type DenialCode = 'CREDENTIALS_MISSING' | 'CREDENTIALS_REFUSED' | 'FORBIDDEN';

export type Denial = Readonly<{
  /** Null where no credential counted. */
  who: Who | null;
  /** From where, where it is not known who: an IPv4 address, or the first 64 bits of an IPv6 address. */
  address: string | null;
  /** Method and template: no ids. */
  route: string;
  code: DenialCode;
  /** The permission that was not held; null where nobody was known. */
  permission: string | null;
}>;

export type AccessLogEvent =
  | Message<'AccessDenied', Denial & Sum>
  /** Denied too, in a minute in which there were more subjects and routes than are told apart. */
  | Message<'FurtherAccessDenied', Sum>
  | Message<'AuditPackExported', Readonly<{ who: Who; executionId: string; at: string }>>
  | Message<'SignedIn', Readonly<{ who: Who; at: string }>>
  /** Somebody proved once more who they are, in order to sign. */
  | Message<'SignedInFreshly', Readonly<{ who: Who; at: string }>>
  /** While the log was away more was to be recorded than could wait. */
  | Message<'AccessLogEntriesLost', Sum>;

const LOG_STREAM_PREFIX = `${ACCESS_STREAM_PREFIX}log-`;

/** @param day yyyy-mm-dd, UTC */
export const accessLogStream = (day: string): string => `${LOG_STREAM_PREFIX}${day}`;

/** Each entry is recorded as it is: nothing depends on those before it. */
export const accessLog: Decider<readonly AccessLogEvent[], null, AccessLogEvent> = {
  initialState: null,
  decide: (entries) => entries,
  evolve: () => null,
};

const who = record({ type: text, id: text }, { issuer: text });
const sum = { count: whole(1), from: time, until: time };

const shapes = {
  AccessDenied: record({
    who: orNull(who),
    address: orNull(text),
    route: text,
    code: text,
    permission: orNull(text),
    ...sum,
  }),
  FurtherAccessDenied: record(sum),
  AuditPackExported: record({ who, executionId: text, at: time }),
  SignedIn: record({ who, at: time }),
  SignedInFreshly: record({ who, at: time }),
  AccessLogEntriesLost: record(sum),
} satisfies Record<AccessLogEvent['type'], Shape>;

export const ACCESS_LOG_TYPES = Object.keys(shapes) as readonly AccessLogEvent['type'][];

/** Null for a type that this version does not know. @throws where a known event does not hold what it should */
export const readAccessLogEvent = (type: string, data: unknown): AccessLogEvent | null => {
  if (!Object.hasOwn(shapes, type)) return null;
  mustHold(shapes[type as AccessLogEvent['type']], type, data);
  return { type, data } as AccessLogEvent;
};
