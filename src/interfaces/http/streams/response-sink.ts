import type { Response, Request } from 'express';
import type { LiveEvent, Notice } from '../../../application/live/live-source.js';
import type { Snapshot, SnapshotReason, StreamSink } from '../../../application/live/live-stream.js';
import type { ErrorAnswer } from '../server/error-answer.js';
import { beatFrame, eventFrame, frame, retryFrame } from './event-message.js';

/** What an instance allows its streams. */
export interface StreamBounds {
  /** Streams at the same time; a client beyond that is asked to come again. */
  readonly open: number;
  /** Between two signs of life. */
  readonly heartbeatMs: number;
  /** After which a client that was cut off comes again, at least; up to twice that, so that not all come at once. */
  readonly retryMs: number;
  /** Bytes that may wait for one client before nothing more is written until it has taken them. */
  readonly bufferBytes: number;
  /** A client that has not taken what waits for it after so long is let go. */
  readonly stalledMs: number;
  /** How long a client that is let go may take to read why. */
  readonly closeMs: number;
}

const CLOSING_MESSAGES = {
  slow: 'What was sent was not taken in time; come again with the last id',
  stopping: 'This instance ends; come again with the last id',
  access_changed: 'The credential has ended, or counts for other things now; come again with one that counts',
  failed: 'The events cannot be read at this moment; come again with the last id',
};

/** `full` and `unavailable` are sent to clients whose stream could not begin. */
type ClosingReason = keyof typeof CLOSING_MESSAGES | 'full' | 'unavailable';

/** Has no id: the client comes again with the id that it has. */
const closing = (reason: ClosingReason, message: string): string => frame('closing', null, { reason, message });

/** A response that stays open. What a client does not take is not piled up for it: see `isFull` and `taken`. */
export class ResponseSink implements StreamSink {
  private isOver = false;
  private onGone = () => undefined as void;

  constructor(
    private readonly response: Response,
    private readonly bounds: StreamBounds,
    private readonly random: () => number = Math.random,
  ) {
    response.once('close', () => this.gone());
  }

  /** At once where the client is gone already. */
  whenGone(act: () => void): void {
    this.onGone = act;
    if (this.isOver) act();
  }

  open(): void {
    const { response, bounds } = this;
    if (this.isOver || response.headersSent) return;
    response.writeHead(200, HEADERS);
    response.write(retryFrame(Math.round(bounds.retryMs * (1 + this.random()))));
  }

  snapshot(id: bigint, reason: SnapshotReason, data: Snapshot['data']): void {
    this.write(() => frame('snapshot', id, { reason, ...data }));
  }

  event(id: bigint, notice: Notice, event: LiveEvent): void {
    this.write(() => eventFrame(notice, id, event));
  }

  end(id: bigint, state: string): void {
    this.write(() => frame('end', id, { reason: state }));
    this.finish();
  }

  /** Sent to a client that keeps up. @param id the client's place */
  beat(id: bigint | null): void {
    if (this.response.headersSent && !this.response.writableNeedDrain) this.write(() => beatFrame(id));
  }

  close(reason: keyof typeof CLOSING_MESSAGES): void {
    this.write(() => closing(reason, CLOSING_MESSAGES[reason]));
    this.finish();
  }

  isFull(): boolean {
    return this.response.writableLength > this.bounds.bufferBytes;
  }

  async taken(): Promise<boolean> {
    if (this.isOver || !this.response.writableNeedDrain) return !this.isOver;
    const isTaken = await this.drained();
    if (!isTaken && !this.isOver) this.close('slow');
    return isTaken;
  }

  private drained(): Promise<boolean> {
    const { response, bounds } = this;
    return new Promise((resolve) => {
      const done = (isTaken: boolean) => {
        clearTimeout(timeout);
        response.off('drain', taken).off('close', gone);
        resolve(isTaken);
      };
      const taken = () => done(true);
      const gone = () => done(false);
      const timeout = setTimeout(gone, bounds.stalledMs);
      response.once('drain', taken).once('close', gone);
    });
  }

  private write(render: () => string | Buffer): void {
    this.open();
    if (!this.isOver) this.response.write(render());
  }

  private finish(): void {
    const { response } = this;
    if (this.isOver) return;
    response.end();
    const timeout = setTimeout(() => response.destroy(), this.bounds.closeMs);
    response.once('close', () => clearTimeout(timeout));
    this.gone();
  }

  private gone(): void {
    this.isOver = true;
    this.onGone();
  }
}

const HEADERS = {
  'Content-Type': 'text/event-stream; charset=utf-8',
  'Cache-Control': 'no-store, no-transform',
  'X-Accel-Buffering': 'no',
};

const OURS = 500;
const TOO_MANY = 429;
const STREAM = /\/stream\/?$/;

/**
 * A stream that cannot begin now and may later. EventSource stops for good after any status but 200, so it is given a
 * stream that names the reason, and ends: EventSource reconnects by itself. It has no id, so that the client keeps the place it has.
 * @returns false: the error is to be answered as any other, for it will be the same later, or to a client of another kind
 */
export const askedToReconnect = (
  request: Request,
  response: Response,
  { status, headers, body }: Pick<ErrorAnswer, 'status' | 'headers' | 'body'>,
  { retryMs }: Pick<StreamBounds, 'retryMs'>,
  random: () => number = Math.random,
): boolean => {
  const isForNow = status >= OURS || status === TOO_MANY;
  if (!isForNow || request.method !== 'GET' || !STREAM.test(request.path) || !namesEvents(request)) return false;
  const pauseMs = Math.max(retryMs, 1_000 * Number(headers['Retry-After'] ?? 0));
  response.writeHead(200, HEADERS);
  response.end(retryFrame(Math.round(pauseMs * (1 + random()))) + closing(reasonOf(status, body.code), body.message));
  return true;
};

/** A client that accepts any type reads the status, and gets the error's. */
const namesEvents = (request: Request): boolean => /\btext\/event-stream\b/i.test(request.get('accept') ?? '');

const FULL = new Set(['TOO_MANY_STREAMS', 'TOO_MANY_CONNECTIONS', 'TOO_MANY_REQUESTS']);

const reasonOf = (status: number, code: string): ClosingReason => {
  if (status === OURS) return 'failed';
  return FULL.has(code) ? 'full' : 'unavailable';
};
