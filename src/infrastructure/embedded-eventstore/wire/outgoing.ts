import {
  type Metadata,
  type ServerWritableStream,
  ServerInterceptingCall,
  type ServerInterceptingCallInterface,
  type ServerInterceptor,
} from '@grpc/grpc-js';
import { joinedUpTo, type Joined } from './joined.js';
import { type Encoded, streams, type Streams, StreamsService } from './protocol.js';
import type { StoredEvent } from './records.js';

export type ReadCall = ServerWritableStream<Streams.ReadReq, Encoded | Joined>;

/** How events are put on the wire: links resolved or not, ids in the form that was asked for. */
export type Render = (events: readonly StoredEvent[]) => Promise<readonly Encoded[]>;

/** So many at once: the rest of a page waits in one form only. */
export const RENDERED_EVENTS = 50;

/** Writes to a caller as fast as that caller reads: resolves when the next message may come, or the call is over. */
export class Outgoing {
  constructor(
    private readonly call: ReadCall,
    readonly signal: AbortSignal,
    /** So many leave together. */
    readonly aheadBytes: number,
  ) {}

  /** Of the connection that the call came on. */
  get name(): string {
    return this.call.getPeer();
  }

  /** Before the first message. */
  sendMetadata(metadata: Metadata): void {
    if (!this.signal.aborted) this.call.sendMetadata(metadata);
  }

  async send(message: Streams.ReadResp | Encoded | Joined): Promise<void> {
    if (this.signal.aborted) return;
    const bytes = message instanceof streams.ReadResp ? Buffer.from(message.serializeBinary()) : message;
    await new Promise<void>((resolve) => {
      const done = () => {
        this.signal.removeEventListener('abort', done);
        resolve();
      };
      this.signal.addEventListener('abort', done, { once: true });
      this.call.write(bytes, done);
    });
  }
}

export async function sendAll(events: readonly StoredEvent[], render: Render, out: Outgoing): Promise<void> {
  for (let from = 0; from < events.length && !out.signal.aborted; from += RENDERED_EVENTS) {
    const rendered = await render(events.slice(from, from + RENDERED_EVENTS));
    for (const joined of joinedUpTo(out.aheadBytes, rendered)) await out.send(joined);
  }
}

/**
 * Left alone, the library sends the next message of a read when the one before has left, each with a system call of its
 * own. This lets messages of up to `bytes` be on their way at once, so that they leave together.
 */
export function pipelinedReads(bytes: number): ServerInterceptor {
  return (method, call) =>
    method.path === StreamsService.read.path ? new PipelinedSends(call, bytes) : (call as ServerInterceptingCall); // as it is
}

class PipelinedSends extends ServerInterceptingCall {
  private underWay = 0;
  private goOn: (() => void) | undefined;

  constructor(
    call: ServerInterceptingCallInterface,
    private readonly limit: number,
  ) {
    super(call);
  }

  override sendMessage(message: Encoded | Joined, next: () => void): void {
    const size = message.byteLength;
    this.underWay += size;
    super.sendMessage(message, () => {
      this.underWay -= size;
      const goOn = this.goOn;
      this.goOn = undefined;
      goOn?.();
    });
    if (this.underWay < this.limit) next();
    else this.goOn = next;
  }
}
