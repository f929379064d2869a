import type { LiveStream } from '../../../application/live/live-stream.js';
import { Refusal } from '../server/refusal.js';
import type { ResponseSink, StreamBounds } from './response-sink.js';

const RETRY_AFTER = { 'Retry-After': '5' };

export type Open = { readonly sink: ResponseSink; stream?: LiveStream; readonly sendsPosition: boolean };

/** All streams of this instance: how many there may be, their heartbeats, and their end when the instance ends. */
export class OpenStreams {
  private readonly all = new Set<Open>();

  constructor(
    readonly bounds: StreamBounds,
    private readonly stopping: AbortSignal,
  ) {
    const hearts = setInterval(() => this.beat(), bounds.heartbeatMs);
    hearts.unref();
    const stop = () => {
      clearInterval(hearts);
      for (const { sink } of this.all) sink.close('stopping');
    };
    stopping.addEventListener('abort', stop, { once: true });
  }

  get count(): number {
    return this.all.size;
  }

  /** @throws Refusal 503 where there are too many */
  add(open: Open): void {
    if (this.all.size >= this.bounds.open) {
      const message = `This instance has ${this.bounds.open} streams open and takes no more; come again, or go to another`;
      throw new Refusal(503, 'TOO_MANY_STREAMS', message, {}, RETRY_AFTER);
    }
    this.all.add(open);
    // A client that comes while the instance stops gets the same message as those before: a refusal would end an EventSource.
    if (this.stopping.aborted) open.sink.close('stopping');
  }

  remove(open: Open): void {
    this.all.delete(open);
  }

  private beat(): void {
    for (const { sink, stream, sendsPosition: tellsPlace } of this.all)
      sink.beat(tellsPlace && stream ? stream.position : null);
  }
}
