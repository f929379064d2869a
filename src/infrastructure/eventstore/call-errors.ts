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

/** With this a server answers a read of the whole log that begins where no event does. */
const NO_PLACE = /Exception was thrown by handler/;

/** @param error as `unavailable` made it of the server's answer to a read that it takes in any other case */
export const isNoPlace = (error: unknown): boolean => {
  const { code, message } = ((error as Error).cause ?? {}) as { code?: unknown; message?: unknown };
  return code === status.UNKNOWN && typeof message === 'string' && NO_PLACE.test(message);
};

/** Errors of the client's own have a type. */
const describe = (error: unknown): string => {
  const { type } = error as { type?: unknown };
  return error instanceof Error && typeof type === 'string' ? `${type}: ${error.message}` : String(error);
};

export const unavailable = (what: string, cause: unknown): LogUnavailable =>
  cause instanceof LogUnavailable ? cause : new LogUnavailable(`${what}: ${describe(cause)}`, { cause });
