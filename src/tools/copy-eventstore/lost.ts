/** A server that went away or fell silent. What is written stays written, so the same command goes on later. */
export class Lost extends Error {}

export const silent = (server: string, idleMs: number) =>
  new Lost(`The ${server} sent nothing for ${idleMs / 1_000} s while an answer was due`);

/** @param error of a call to `server` */
export function callFailure(server: string, error: unknown): Error {
  if (error instanceof Lost || !isServiceError(error)) return error instanceof Error ? error : new Error(String(error));
  const text = `The ${server} answered: ${error.details}`;
  return REFUSED.has(error.code) ? new Error(`${text}. Check the user and password in its URL`) : new Lost(text);
}

/** gRPC's PERMISSION_DENIED and UNAUTHENTICATED */
const REFUSED = new Set([7, 16]);

const isServiceError = (error: unknown): error is { code: number; details: string } =>
  error instanceof Error && 'code' in error && typeof error.code === 'number' && 'details' in error;
