/** What becomes of a body that nobody reads, because its request was answered without it. */
import type { Socket } from 'node:net';
import type { NextFunction, Request, Response } from 'express';

/** A rest of at most so many bytes is left to Node, which reads it and keeps the connection. */
const SMALL_BYTES = 64 * 1024;
/** How long the client may take to read the answer before its connection is cut. */
const LINGER_MS = 1_000;

/**
 * Node would read the rest of such a body to its end, which a client can put off for ever. So the connection is to end with
 * the answer; and it ends a little later, as a connection that is closed over unread bytes loses what was written to it.
 */
export const closeUnread = (request: Request, response: Response, next: NextFunction): void => {
  if (mayGoOn(request)) {
    const { writeHead } = response;
    response.writeHead = function (this: Response, ...rest: unknown[]) {
      if (!request.complete) endAfterAnswer(request, response);
      return (writeHead as (...given: unknown[]) => Response).apply(this, rest);
    } as Response['writeHead'];
  }
  next();
};

const mayGoOn = ({ headers }: Request): boolean =>
  headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > SMALL_BYTES;

const endAfterAnswer = (request: Request, response: Response): void => {
  const { socket } = request;
  response.setHeader('Connection', 'close');
  // A reader takes it on: a stream that is read from, and then not any more, holds the sender back.
  request.pause();
  request.read(0);
  socket.destroySoon = () => linger(socket);
};

const linger = (socket: Socket): void => {
  socket.end();
  const cut = setTimeout(() => socket.destroy(), LINGER_MS);
  socket.once('close', () => clearTimeout(cut));
};
