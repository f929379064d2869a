import type { ServerWritableStream } from '@grpc/grpc-js';
import type { Encoded, Streams } from './protocol.js';

export type ReadCall = ServerWritableStream<Streams.ReadReq, Streams.ReadResp | Encoded>;

/** Writes to a caller as fast as that caller reads: resolves when the next message may come, or the call is over. */
export class Outgoing {
  constructor(
    private readonly call: ReadCall,
    readonly signal: AbortSignal,
  ) {}

  async send(message: Streams.ReadResp | Encoded): Promise<void> {
    if (!this.push(message)) await this.drained();
  }

  /** Like `send`, without a promise for each message: false when the next one has to wait for `drained`. */
  push(message: Streams.ReadResp | Encoded): boolean {
    return this.signal.aborted || this.call.write(message);
  }

  async drained(): Promise<void> {
    if (this.signal.aborted) return;
    await new Promise<void>((resolve) => {
      const done = () => {
        this.call.off('drain', done);
        this.signal.removeEventListener('abort', done);
        resolve();
      };
      this.call.on('drain', done);
      this.signal.addEventListener('abort', done, { once: true });
    });
  }
}
