import { Server as NetServer } from 'node:net';
import type { Server } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import type { NextFunction, Request, Response } from 'express';

type DrainLimits = Readonly<{
  /** How long connections on which nothing is asked may stay: a request may be on its way. */
  idleMs: number;
  /** How long requests under way may take, after that. */
  busyMs: number;
}>;

const DRAIN_LIMITS: DrainLimits = { idleMs: 500, busyMs: 5_000 };

/**
 * Once no connection is accepted, each answer sends the client elsewhere. Not before: the client would come back on a new
 * connection, which might wait in the backlog at the moment in which that is closed.
 */
export const closeKeepAlive =
  (stopping: AbortSignal) =>
  (request: Request, response: Response, next: NextFunction): void => {
    const { server } = request.socket as unknown as Readonly<{ server?: Server }>;
    if (stopping.aborted && !server?.listening) response.setHeader('Connection', 'close');
    next();
  };

/**
 * Ends a server without failing a request that it has accepted: first no new connections, then those on which nothing is
 * asked, at last those whose request takes too long.
 */
export const drain = async (server: Server, { idleMs, busyMs }: DrainLimits = DRAIN_LIMITS): Promise<void> => {
  // Right after the event loop has accepted the connections of the backlog: closing would reset them.
  await nextTurn();
  // Of `net`: the close of `http` would cut idle connections at once, and with them a request that is on its way.
  const closed = new Promise<void>((resolve) => NetServer.prototype.close.call(server, () => resolve()));
  const within = async (ms: number) => {
    const timeout = new AbortController();
    await Promise.race([closed, delay(ms, undefined, { signal: timeout.signal }).catch(() => undefined)]);
    timeout.abort();
  };
  await within(idleMs);
  // Where this process had no time meanwhile, the timer is seen before the requests that have come since.
  await nextTurn();
  server.closeIdleConnections();
  await within(busyMs);
  server.closeAllConnections();
  await closed;
};

/** When the event loop has taken what has arrived by now. */
const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
