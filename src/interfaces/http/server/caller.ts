/** The client of a request: what its headers say, and whether it is still there. */
import type { Request, Response } from 'express';
import { isVerified, type Principal } from '../../../application/access/principal.js';
import type { Caller } from '../../../application/commands/caller.js';
import type { Actor } from '../../../application/log/envelope.js';
import { principalOf } from '../access/principal.js';
import { badRequest, problem } from './refusal.js';

const IDEMPOTENCY_KEY = /^[\x21-\x7e]{1,255}$/;
const TRACEPARENT = /^(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(-[\x21-\x7e]*)?$/;
const LONGEST_TRACEPARENT = 255;

/**
 * The actor is whom the credential proves. What the request says of itself is the actor where nothing was proved, and else a
 * claim beside it.
 * @throws Refusal 400 for an Idempotency-Key or X-Actor-Type that is none. A bad traceparent is ignored, as W3C asks.
 */
export const callerOf = (
  request: Request,
  actorId: string | null | undefined,
  reason: string | null | undefined,
): Caller => {
  const principal = principalOf(request);
  const claimed = { type: actorType(request.get('x-actor-type')), id: actorId ?? 'anonymous' };
  const key = idempotencyKey(request.get('idempotency-key'));
  return {
    ...actorsOf(principal, claimed, actorId),
    reason: reason ?? null,
    idempotencyKey: key === null ? null : ownKey(principal, key),
    traceparent: traceparentOf(request),
    requestId: requestIdOf(request),
  };
};

const actorsOf = (principal: Principal, claimed: Actor, actorId: string | null | undefined) => {
  if (!isVerified(principal)) return { actor: claimed };
  const isOther = typeof actorId === 'string' && actorId !== principal.actor.id;
  return { actor: principal.actor, claimedActor: isOther ? claimed : undefined };
};

/** Keys are a client's own: those of two principals are never the same. */
const ownKey = (principal: Principal, key: string): string => {
  const { issuer, id } = principal.actor;
  return isVerified(principal) ? JSON.stringify([issuer ?? '', id, key]) : key;
};

/** As the answer and the log have it. */
export const requestIdOf = ({ res }: Request): string | undefined => {
  const id = res?.getHeader('X-Request-Id');
  return typeof id === 'string' ? id : undefined;
};

export const traceparentOf = (request: Request): string | null => traceparent(request.get('traceparent'));

/** Agents report by their tokens, and the system does not ask over HTTP: neither can be claimed. */
const actorType = (given: string | undefined): 'user' | 'service' => {
  if (given === undefined || given === 'user' || given === 'service') return given ?? 'user';
  throw badRequest([problem('X-Actor-Type', 'user or service', given)]);
};

/** @throws Refusal 400 */
export const idempotencyKey = (key: string | undefined): string | null => {
  if (key === undefined || IDEMPOTENCY_KEY.test(key)) return key ?? null;
  throw badRequest([problem('Idempotency-Key', '1 to 255 visible ASCII characters', key)]);
};

/** Only version 00 is known to end after the flags; later ones may go on. */
const traceparent = (value: string | undefined): string | null => {
  if (value === undefined || value.length > LONGEST_TRACEPARENT || !TRACEPARENT.test(value)) return null;
  return value.startsWith('00-') && value.length !== 55 ? null : value;
};

const ONE_REVISION = /^"(\d{1,18})"$/;

/**
 * The revision that If-Match names; null without it, and for `*`, as each command is about an execution that has to exist.
 * @throws Refusal 400
 */
export const ifMatchOf = (request: Request): bigint | null => {
  const wanted = request.get('if-match');
  if (wanted === undefined || wanted.trim() === '*') return null;
  const revision = ONE_REVISION.exec(wanted.trim())?.[1];
  if (revision !== undefined) return BigInt(revision);
  throw badRequest([problem('If-Match', 'one revision in quotes, as the ETag of the execution has it, or *', wanted)]);
};

/** Aborted when the client hangs up before it has its answer. */
export const clientLeft = (response: Response): AbortSignal => {
  const left = new AbortController();
  response.once('close', () => {
    if (!response.writableFinished) left.abort();
  });
  return left.signal;
};
