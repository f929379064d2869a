import type { Request, Response } from 'express';
import type { ErrorAnswer } from '../server/error-answer.js';
import { closing, HEADERS, type Goodbye } from './response-sink.js';
import { retryFrame } from './frames.js';
import type { StreamBounds } from './stream-bounds.js';

const OURS = 500;
const STREAM = /\/stream\/?$/;

/**
 * A stream that cannot begin now and may later. EventSource stops for good after any status but 200, so it is given a
 * stream that says why, and ends: it comes again by itself. It has no id, so that the client keeps the place it has.
 * @returns false: the error is to be answered as any other, for it will be the same later, or to a client of another kind
 */
export const askedToComeAgain = (
  request: Request,
  response: Response,
  { status, headers, body }: Pick<ErrorAnswer, 'status' | 'headers' | 'body'>,
  { retryMs }: Pick<StreamBounds, 'retryMs'>,
  random: () => number = Math.random,
): boolean => {
  if (status < OURS || request.method !== 'GET' || !STREAM.test(request.path) || !namesEvents(request)) return false;
  const pauseMs = Math.max(retryMs, 1_000 * Number(headers['Retry-After'] ?? 0));
  response.writeHead(200, HEADERS);
  response.end(retryFrame(Math.round(pauseMs * (1 + random()))) + closing(reasonOf(status, body.code), body.message));
  return true;
};

/** A client that takes anything reads the status, and gets one. */
const namesEvents = (request: Request): boolean => /\btext\/event-stream\b/i.test(request.get('accept') ?? '');

const reasonOf = (status: number, code: string): Goodbye => {
  if (status === OURS) return 'failed';
  return code === 'TOO_MANY_STREAMS' || code === 'TOO_MANY_CONNECTIONS' ? 'full' : 'unavailable';
};
