import { HttpException } from '@nestjs/common';
import type { Request } from 'express';
import { FreshSignInRequired } from '../../../application/access/fresh-sign-ins.js';
import { Forbidden, Unauthenticated } from '../../../application/access/principal.js';
import { ArtifactDamaged } from '../../../application/workflow/artifacts.js';
import {
  AttemptOver,
  IdempotencyKeyReused,
  InvalidRequest,
  NotFound,
  NotInHistory,
  NotReady,
  PackRefused,
  OtherRevision,
  TooMuchWaiting,
  CallerLeft,
} from '../../../application/runtime/errors.js';
import {
  AppendOutcomeUnknown,
  AppendRefused,
  AppendTooLarge,
  HistoryDamaged,
  HistoryUnreadable,
  LogMismatch,
  LogUnavailable,
  RevisionConflict,
} from '../../../application/log/event-log.js';
import { InvalidCursor } from '../../../application/queries/read-model.js';
import { DutiesNotSeparate } from '../../../domain/access/duties.js';
import { CommandRejected } from '../../../domain/decider.js';
import { bounded, badRequest, problem, Refusal } from './refusal.js';

/** What Express's router keeps for each route. */
type Layer = Readonly<{
  route?: Readonly<{ methods: Readonly<Record<string, boolean>> }>;
  match: (path: string) => boolean;
}>;

/** The methods that this path answers to, so that a wrong method can be distinguished from a path that does not exist. */
const methodsAt = ({ app, path }: Pick<Request, 'app' | 'path'>): readonly string[] => {
  const { stack } = app.router as unknown as { stack: readonly Layer[] };
  const found = stack.flatMap((layer) => (layer.route && matches(layer, path) ? Object.keys(layer.route.methods) : []));
  const methods = new Set(found.map((method) => method.toUpperCase()));
  if (methods.has('GET')) methods.add('HEAD');
  return [...methods];
};

/** A path parameter that is not percent-encoded properly makes the router throw; the request gets that answer anyway. */
const matches = (layer: Layer, path: string): boolean => {
  try {
    return layer.match(path);
  } catch {
    return true;
  }
};

export type ErrorAnswer = Readonly<{
  status: number;
  headers: Readonly<Record<string, string>>;
  body: Readonly<{ code: string; message: string; details: unknown }>;
  /** The fault is on this side: the log needs to have the whole of it. */
  isServerFault: boolean;
}>;

const RETRY_AFTER = { 'Retry-After': '1' };

export const answerTo = (error: unknown, request: Request, requestId: string): ErrorAnswer => {
  const refusal = refusalFor(error, request);
  if (!refusal) {
    const message = `Something went wrong on this side; its log has the reason under request ${requestId}`;
    const body = { code: 'INTERNAL_ERROR', message, details: { request_id: requestId } };
    return { status: 500, headers: {}, body, isServerFault: true };
  }
  const { status, headers, code, message, details } = refusal;
  return {
    status,
    headers,
    body: { code, message, details },
    isServerFault: refusal !== error && status >= 500 && !needsNoLogLine(error),
  };
};

/** For the log: where an unforeseen error comes from. */
export const stackOf = (error: unknown): string =>
  error instanceof Error ? (error.stack ?? error.message) : String(error);

/** There is nothing to add for the log: full is no fault, a damaged artifact and another event log have raised their own alarm. */
const needsNoLogLine = (error: unknown): boolean =>
  [TooMuchWaiting, ArtifactDamaged, LogMismatch].some((kind) => error instanceof kind);

/** RFC 9470: the credential counts, and a sign-in that is fresh has to come beside it. */
const STEP_UP = { 'WWW-Authenticate': 'Bearer error="insufficient_user_authentication", max_age="300"' };

const refusalFor = (error: unknown, request: Request): Refusal | undefined => {
  if (error instanceof Refusal) return error;
  if (error instanceof DutiesNotSeparate)
    return new Refusal(409, 'SEPARATION_OF_DUTIES', error.message, error.standing);
  if (error instanceof CommandRejected) {
    return error.kind === 'NotFound'
      ? new Refusal(404, 'NOT_FOUND', error.message, error.details)
      : new Refusal(409, 'CONFLICT', error.message, error.details);
  }
  // No client gets this answer: the connection is gone.
  if (error instanceof CallerLeft) return new Refusal(499, 'CLIENT_LEFT', error.message);
  if (error instanceof InvalidRequest) return new Refusal(400, error.code, error.message, error.details);
  if (error instanceof InvalidCursor) {
    return badRequest([problem('cursor', 'a cursor as an earlier answer gave it', request.query['cursor'])], {
      code: 'INVALID_CURSOR',
    });
  }
  if (error instanceof Unauthenticated)
    return new Refusal(401, error.code, error.message, {}, { 'WWW-Authenticate': 'Bearer' });
  if (error instanceof FreshSignInRequired)
    return new Refusal(401, error.code, error.message, { sign_in_at: error.signInAt }, STEP_UP);
  if (error instanceof Forbidden) return new Refusal(403, 'FORBIDDEN', error.message, { permission: error.permission });
  if (error instanceof NotFound) return new Refusal(404, 'NOT_FOUND', error.message);
  if (error instanceof NotInHistory) return new Refusal(404, 'NOT_IN_HISTORY', error.message, error.details);
  if (error instanceof HistoryDamaged) return damaged(error);
  if (error instanceof PackRefused)
    return new Refusal(409, 'AUDIT_PACK_REFUSED', error.message, { found: error.found });
  if (error instanceof AttemptOver) {
    return new Refusal(410, 'ATTEMPT_OVER', error.message, { continue: false, reason: error.reason });
  }
  if (error instanceof OtherRevision) return new Refusal(412, 'REVISION_MISMATCH', error.message, error.details);
  if (error instanceof ArtifactDamaged) {
    return new Refusal(500, `ARTIFACT_${error.kind.toUpperCase()}`, error.message, { sha256: error.sha256 });
  }
  if (error instanceof IdempotencyKeyReused) return new Refusal(422, 'IDEMPOTENCY_KEY_REUSED', error.message);
  return unavailable(error) ?? (error instanceof HttpException ? ofTheFramework(error, request) : undefined);
};

/** Repeating the request changes nothing, nor is it the caller's to mend: so neither 503 nor 400. */
const damaged = (error: HistoryDamaged): Refusal => {
  const { stream, damage, message } = error;
  if (damage === 'tombstoned') {
    const ended = `The event store was made to end stream ${stream} for ever: its events can neither be read nor added to`;
    return new Refusal(410, 'STREAM_TOMBSTONED', ended, { stream, damage });
  }
  const details = { stream, damage };
  if (error instanceof HistoryUnreadable)
    return new Refusal(409, 'HISTORY_UNREADABLE', message, { ...details, revision: String(error.revision) });
  return new Refusal(409, 'HISTORY_DAMAGED', message, details);
};

/** What these say themselves may name hosts; it is for the log. */
const unavailable = (error: unknown): Refusal | undefined => {
  if (error instanceof NotReady) return new Refusal(503, 'NOT_READY', error.message, {}, RETRY_AFTER);
  if (error instanceof TooMuchWaiting) {
    const headers = { 'Retry-After': String(error.retryAfterSeconds) };
    return new Refusal(503, 'TOO_MANY_WAITING', error.message, {}, headers);
  }
  if (error instanceof LogMismatch)
    return new Refusal(503, 'LOG_MISMATCH', error.message, NOT_CARRIED_OUT, RETRY_AFTER);
  if (error instanceof LogUnavailable) {
    const message =
      'The event log does not answer: the request was not carried out; repeat it under the same Idempotency-Key';
    return new Refusal(503, 'EVENT_LOG_UNAVAILABLE', message, NOT_CARRIED_OUT, RETRY_AFTER);
  }
  if (error instanceof AppendOutcomeUnknown) {
    const message =
      'The event log gave no clear answer: the request may or may not have been carried out. Look at the execution, or repeat the request under the same Idempotency-Key';
    return new Refusal(503, 'EVENT_LOG_UNAVAILABLE', message, { outcome: 'unknown' }, RETRY_AFTER);
  }
  if (error instanceof AppendRefused) return refusedForGood(error);
  if (error instanceof RevisionConflict) {
    const message = 'Others are changing this execution at this moment: nothing was done; repeat the request';
    return new Refusal(503, 'BUSY', message, {}, RETRY_AFTER);
  }
  return undefined;
};

/** For the client that must know whether to look before it repeats. */
const NOT_CARRIED_OUT = { outcome: 'not_carried_out' };

const refusedForGood = (error: AppendRefused): Refusal => {
  const { reason } = error;
  if (reason === 'too-large') {
    const sizes =
      error instanceof AppendTooLarge ? ` (expected at most ${error.limit} bytes, got ${error.bytes ?? 'more'})` : '';
    const message = `The event log takes no event as large as this request would leave${sizes}: it was not carried out. Send less in one request`;
    return new Refusal(413, 'EVENT_TOO_LARGE', message, NOT_CARRIED_OUT);
  }
  if (reason === 'denied') {
    const message =
      'The event log does not let this installation write there: the request was not carried out. An operator has to give its user the right';
    return new Refusal(503, 'EVENT_LOG_DENIED', message, NOT_CARRIED_OUT, RETRY_AFTER);
  }
  const message =
    'The event log refuses what this request would leave: it was not carried out. An operator has to look';
  return new Refusal(500, 'EVENT_LOG_REFUSED', message, NOT_CARRIED_OUT);
};

/** No route, and what Express refuses before there is one. */
const ofTheFramework = (error: HttpException, request: Request): Refusal | undefined => {
  const status = error.getStatus();
  if (status === 404) return noRoute(request);
  if ((error.cause as Error | undefined)?.name === 'URIError') {
    return badRequest([problem('path', 'percent-encoded UTF-8', request.path)]);
  }
  return status < 500 ? new Refusal(status, 'INVALID_REQUEST', bounded(error.message)) : undefined;
};

const noRoute = (request: Request): Refusal => {
  const where = bounded(request.path);
  const methods = methodsAt(request);
  if (methods.length === 0) return new Refusal(404, 'UNKNOWN_ROUTE', `There is no ${where} in this API`);
  const allowed = methods.join(', ');
  const message = `${where}: expected method ${allowed}, got ${request.method}`;
  return new Refusal(405, 'METHOD_NOT_ALLOWED', message, { allowed_methods: methods }, { Allow: allowed });
};
