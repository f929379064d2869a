import type { LiveStream } from '../../../application/live/live-stream.js';
import type { OpenCount } from '../../../application/runtime/rate-limiter.js';
import { Refusal } from '../server/refusal.js';
import { takeStream } from '../server/request-limits.js';
import type { ResponseSink, StreamBounds } from './response-sink.js';

const RETRY_AFTER = { 'Retry-After': '5' };

export type Open = {
  readonly sink: ResponseSink;
  stream?: LiveStream;
  readonly sendsPosition: boolean;
  readonly holder?: string;
};

/** All streams of this instance: how many there may be, their heartbeats, and their end when the instance ends. */
export class OpenStreams {
  /** Each with what gives its holder's place back. */
  private readonly all = new Map<Open, () => void>();

  constructor(
    readonly bounds: StreamBounds,
    private readonly stopping: AbortSignal,
    private readonly ofHolders: OpenCount | null = null,
  ) {
    const hearts = setInterval(() => this.beat(), bounds.heartbeatMs);
    hearts.unref();
    const stop = () => {
      clearInterval(hearts);
      for (const { sink } of this.all.keys()) sink.close('stopping');
    };
    stopping.addEventListener('abort', stop, { once: true });
  }

  get count(): number {
    return this.all.size;
  }

  /** @throws Refusal 503 where there are too many, 429 where the holder has too many */
  add(open: Open): void {
    if (this.all.size >= this.bounds.open) {
      const message = `This instance has ${this.bounds.open} streams open and takes no more; come again, or go to another`;
      throw new Refusal(503, 'TOO_MANY_STREAMS', message, {}, RETRY_AFTER);
    }
    this.all.set(open, takeStream(this.ofHolders, open.holder ?? ''));
    // A client that comes while the instance stops gets the same message as those before: a refusal would end an EventSource.
    if (this.stopping.aborted) open.sink.close('stopping');
  }

  remove(open: Open): void {
    this.all.get(open)?.();
    this.all.delete(open);
  }

  private beat(): void {
    for (const { sink, stream, sendsPosition: tellsPlace } of this.all.keys())
      sink.beat(tellsPlace && stream ? stream.position : null);
  }
}
