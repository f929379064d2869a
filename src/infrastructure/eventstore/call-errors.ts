/** How calls to a server fail: in time, and what an error says of the call. */
import { status } from '@grpc/grpc-js';
import { LogUnavailable } from '../../application/log/event-log.js';

/** `work`, or an error after `ms`. How `work` ends after that is ignored. */
export async function within<T>(ms: number, work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${ms} ms`)), ms);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
    work.catch(() => undefined);
  }
}

/** Answers with which a server says that it did not do it. */
const REFUSALS: ReadonlySet<number> = new Set([
  ...[status.INVALID_ARGUMENT, status.NOT_FOUND, status.PERMISSION_DENIED, status.UNAUTHENTICATED],
  ...[status.FAILED_PRECONDITION, status.RESOURCE_EXHAUSTED, status.UNIMPLEMENTED],
]);

/** The request never left, or the server was too busy to begin. */
const NOT_BEGUN =
  /No connection established|Name resolution failed|Failed to discover|Server Is Too Busy|Server Is Not Ready/;

/** Whether an error of an append says for certain that nothing was written. */
export function isRefusal(error: unknown): boolean {
  const { code, message } = error as { code?: unknown; message?: unknown };
  return (typeof code === 'number' && REFUSALS.has(code)) || (typeof message === 'string' && NOT_BEGUN.test(message));
}

/** With this a server answers a read of the whole log that begins where no event does. */
const NO_PLACE = /Exception was thrown by handler/;

/** @param error as `unavailable` made it of the server's answer to a read that it takes in any other case */
export const isNoPlace = (error: unknown): boolean => {
  const { code, message } = ((error as Error).cause ?? {}) as { code?: unknown; message?: unknown };
  return code === status.UNKNOWN && typeof message === 'string' && NO_PLACE.test(message);
};

/** Errors of the client's own have a type. */
export const describe = (error: unknown): string => {
  const { type } = error as { type?: unknown };
  return error instanceof Error && typeof type === 'string' ? `${type}: ${error.message}` : String(error);
};

export const unavailable = (what: string, cause: unknown): LogUnavailable =>
  cause instanceof LogUnavailable ? cause : new LogUnavailable(`${what}: ${describe(cause)}`, { cause });
