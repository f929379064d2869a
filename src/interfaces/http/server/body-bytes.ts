/** The bytes of a body: read up to a limit, or left unread because the request was answered without them. */
import type { Socket } from 'node:net';
import type { NextFunction, Request, Response } from 'express';
import { bodyTooLarge, Refusal } from './refusal.js';

/** A rest of at most so many bytes is left to Node, which reads it and keeps the connection. */
const SMALL_BYTES = 64 * 1024;
/** How long the client may take to read the answer before its connection is cut. */
const LINGER_MS = 1_000;

/**
 * Node would read the rest of such a body to its end, which a client can put off for ever. So the connection is to end with
 * the answer; and it ends a little later, as a connection that is closed over unread bytes loses what was written to it.
 */
export const endUnreadBodies = (request: Request, response: Response, next: NextFunction): void => {
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
  // A stream that was read from and then paused holds the sender back.
  request.pause();
  request.read(0);
  socket.destroySoon = () => linger(socket);
};

const linger = (socket: Socket): void => {
  socket.end();
  const cut = setTimeout(() => socket.destroy(), LINGER_MS);
  socket.once('close', () => clearTimeout(cut));
};

/** @throws Refusal 413 as soon as there are more bytes than `limit`: nothing is read after that */
export const readBody = (request: Request, limit: number): Promise<Buffer> =>
  new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let bytes = 0;
    const leave = () => {
      request.off('data', take).off('end', whole).off('error', broken).off('close', broken);
    };
    const take = (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes <= limit) return void chunks.push(chunk);
      leave();
      request.pause();
      reject(bodyTooLarge(limit, undefined));
    };
    const whole = () => {
      leave();
      resolve(Buffer.concat(chunks, bytes));
    };
    const broken = () => {
      leave();
      reject(new Refusal(400, 'INVALID_REQUEST', `body: expected all of it, got ${bytes} bytes before it broke off`));
    };
    request.on('data', take).on('end', whole).on('error', broken).on('close', broken);
  });
