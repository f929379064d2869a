import type { Response } from 'express';

/** Aborted when the client goes before it has its answer. */
export const clientLeft = (response: Response): AbortSignal => {
  const left = new AbortController();
  response.once('close', () => {
    if (!response.writableFinished) left.abort();
  });
  return left.signal;
};
