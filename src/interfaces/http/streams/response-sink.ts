import type { Response } from 'express';
import type { LiveEvent, Told } from '../../../application/live/live-event.js';
import type { Snapshot, SnapshotReason, StreamSink } from '../../../application/live/live-stream.js';
import { beatFrame, eventFrame, frame, retryFrame } from './frames.js';
import type { StreamBounds } from './stream-bounds.js';

const GOODBYES = {
  slow: 'What was sent was not taken in time; come again with the last id',
  stopping: 'This instance ends; come again with the last id',
  failed: 'The events cannot be read at this moment; come again with the last id',
};

/** `full` and `unavailable` are sent to clients whose stream could not begin. */
export type Goodbye = keyof typeof GOODBYES | 'full' | 'unavailable';

/** Has no id: the client comes again with the one that it has. */
export const closing = (reason: Goodbye, message: string): string => frame('closing', null, { reason, message });

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

  event(id: bigint, told: Told, event: LiveEvent): void {
    this.write(() => eventFrame(told, id, event));
  }

  end(id: bigint, state: string): void {
    this.write(() => frame('end', id, { reason: state }));
    this.finish();
  }

  /** To whoever keeps up. @param id the client's place */
  beat(id: bigint | null): void {
    if (this.response.headersSent && !this.response.writableNeedDrain) this.write(() => beatFrame(id));
  }

  close(reason: keyof typeof GOODBYES): void {
    this.write(() => closing(reason, GOODBYES[reason]));
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
        clearTimeout(patience);
        response.off('drain', taken).off('close', gone);
        resolve(isTaken);
      };
      const taken = () => done(true);
      const gone = () => done(false);
      const patience = setTimeout(gone, bounds.stalledMs);
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
    const patience = setTimeout(() => response.destroy(), this.bounds.goodbyeMs);
    response.once('close', () => clearTimeout(patience));
    this.gone();
  }

  private gone(): void {
    this.isOver = true;
    this.onGone();
  }
}

export const HEADERS = {
  'Content-Type': 'text/event-stream; charset=utf-8',
  'Cache-Control': 'no-store, no-transform',
  'X-Accel-Buffering': 'no',
};
