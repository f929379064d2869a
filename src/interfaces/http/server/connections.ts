/** How many clients may be connected, and what those get that come after them. */
import type { Server } from 'node:http';
import type { Server as NetServer, Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { Server as TlsServer } from 'node:tls';
import type { NextFunction, Request, Response } from 'express';
import { Refusal } from './refusal.js';
import { groupOf } from './route-group.js';

export type ConnectionLimits = Readonly<{
  /** Open at the same time: requests, streams and live updates together. */
  open: number;
  /** From a connection's first byte to the end of the headers; from a request's first byte to its last. */
  headersMs: number;
  requestMs: number;
}>;

/** Connections over the limit that are still taken, so that they get an answer. Any more are closed without a word. */
const ANSWERED_OVER_LIMIT = 64;
const LOG_EVERY_MS = 10_000;
const RETRY_AFTER = { 'Retry-After': '1' };

/** What announces a connection that requests come on: with TLS the plain one comes first, and no request has it. */
export const connectionEvent = (server: NetServer): 'connection' | 'secureConnection' =>
  server instanceof TlsServer ? 'secureConnection' : 'connection';

export class Connections {
  private readonly admitted = new Set<Duplex>();
  private refused = 0;
  private loggedAt = -Infinity;

  constructor(
    private readonly limits: ConnectionLimits,
    private readonly log: (line: string) => void,
    private readonly now: () => number = () => performance.now(),
  ) {}

  /** With TLS a client counts once its handshake is done; until then `maxConnections` and the server's timeout bound it. */
  watch(server: Server): void {
    server.maxConnections = this.limits.open + ANSWERED_OVER_LIMIT;
    server.headersTimeout = this.limits.headersMs;
    server.requestTimeout = this.limits.requestMs;
    server.on(connectionEvent(server), (socket: Socket) => this.admit(socket));
    server.on('drop', () => this.noteRefused());
  }

  isAdmitted(socket: Duplex): boolean {
    if (!this.admitted.has(socket)) this.noteRefused();
    return this.admitted.has(socket);
  }

  get message(): string {
    return `This instance has ${this.limits.open} connections open and takes no more; come again, or go to another`;
  }

  /** @throws Refusal 503 */
  readonly refuse = (request: Request, response: Response, next: NextFunction): void => {
    if (groupOf(request).kind === 'probe' || this.isAdmitted(request.socket)) return next();
    response.setHeader('Connection', 'close');
    throw new Refusal(503, 'TOO_MANY_CONNECTIONS', this.message, {}, RETRY_AFTER);
  };

  /** A connection that is handed back after an upgrade that was none comes here again. */
  private admit(socket: Duplex): void {
    if (this.admitted.has(socket) || this.admitted.size >= this.limits.open) return;
    this.admitted.add(socket);
    socket.once('close', () => this.admitted.delete(socket));
  }

  /** Once in a while: thousands of refusals must not write thousands of lines. */
  private noteRefused(): void {
    this.refused += 1;
    const now = this.now();
    if (now - this.loggedAt < LOG_EVERY_MS) return;
    this.log(
      `${this.limits.open} connections are open, as many as MAX_CONNECTIONS allows; refused since the last such line: ${this.refused}`,
    );
    this.loggedAt = now;
    this.refused = 0;
  }
}
