/** Appends sent one behind the other over one call, so that the target takes them in the order of the source. */
import { randomUUID } from 'node:crypto';
import shared from '@eventstore/db-client/generated/shared_pb.js';
import type * as Streams from '@eventstore/db-client/generated/streams_pb.js';
import streams from '@eventstore/db-client/generated/streams_pb.js';
import emptyMessages from 'google-protobuf/google/protobuf/empty_pb.js';
import { Conflict, gap, sizeOf, type CopiedEvent, type CopyLimits } from './event.js';
import { callFailure, Lost, silent, type Server } from './server.js';

/** Gathers events that follow each other in one stream, so that they go in one append. */
export class Runs {
  written = 0;
  private run: CopiedEvent[] = [];
  private bytes = 0;

  constructor(
    private readonly writer: CopyWriter,
    private readonly limits: CopyLimits,
  ) {}

  /** @throws Error where the source has a gap between `event` and the one before it */
  async add(event: CopiedEvent): Promise<void> {
    const { appendBytes, appendEvents } = this.limits;
    const last = this.run.at(-1);
    const size = sizeOf(event);
    if (last?.stream !== event.stream || this.bytes + size > appendBytes || this.run.length >= appendEvents) {
      await this.send();
    } else if (event.revision !== last.revision + 1n) throw gap(event, last.revision);
    this.run.push(event);
    this.bytes += size;
    this.written += 1;
  }

  /** All that was added is in the target. */
  async flush(): Promise<void> {
    await this.send();
    await this.writer.drained();
  }

  private async send(): Promise<void> {
    const { run } = this;
    [this.run, this.bytes] = [[], 0];
    await this.writer.append(run);
  }
}

const { Empty } = emptyMessages;
type Waiting = Readonly<{ stream: string; revision: bigint; bytes: number }>;

export class CopyWriter {
  private readonly call;
  private readonly waiting = new Map<string, Waiting>();
  private bytes = 0;
  private failure: Error | undefined;
  private wake: () => void = () => undefined;

  constructor(
    private readonly server: Server,
    private readonly limits: CopyLimits,
  ) {
    this.call = server.client.batchAppend(...server.call());
    this.call.on('data', (answer: Streams.BatchAppendResp) => this.answered(answer));
    this.call.on('drain', () => this.wake());
    this.call.on('error', (error: Error) => this.fail(callFailure(server.name, error)));
    this.call.on('end', () => this.fail(new Lost(`The ${server.name} ended the call of the appends`)));
  }

  /** @param events of one stream, with revisions that follow each other */
  async append(events: readonly CopiedEvent[]): Promise<void> {
    const first = events[0];
    if (!first) return;
    const { appendsInFlight, bytesInFlight } = this.limits;
    await this.until(() => this.waiting.size < appendsInFlight && this.bytes < bytesInFlight);
    const identifier = new shared.StreamIdentifier().setStreamName(Buffer.from(first.stream));
    const options = new streams.BatchAppendReq.Options().setStreamIdentifier(identifier);
    if (first.revision === 0n) options.setNoStream(new Empty());
    else options.setStreamPosition((first.revision - 1n).toString());
    const id = randomUUID();
    const request = new streams.BatchAppendReq()
      .setCorrelationId(new shared.UUID().setString(id))
      .setOptions(options)
      .setProposedMessagesList(events.map(proposed))
      .setIsFinal(true);
    const bytes = events.reduce((sum, event) => sum + sizeOf(event), 0);
    this.waiting.set(id, { stream: first.stream, revision: first.revision, bytes });
    this.bytes += bytes;
    if (!this.call.write(request)) await this.until(() => !this.call.writableNeedDrain);
  }

  /** All that was sent is in the target. */
  drained(): Promise<void> {
    return this.until(() => this.waiting.size === 0);
  }

  close(): void {
    this.call.cancel();
  }

  private async until(holds: () => boolean): Promise<void> {
    const { idleMs } = this.limits;
    while (!this.failure && !holds()) {
      const silence = setTimeout(() => this.fail(silent(this.server.name, idleMs)), idleMs);
      await new Promise<void>((resolve) => (this.wake = resolve));
      clearTimeout(silence);
    }
    if (this.failure) throw this.failure;
  }

  private answered(answer: Streams.BatchAppendResp): void {
    const id = answer.getCorrelationId()?.getString() ?? '';
    const append = this.waiting.get(id);
    if (!append) return;
    if (answer.getError()) this.fail(refusal(append, answer));
    this.waiting.delete(id);
    this.bytes -= append.bytes;
    this.wake();
  }

  private fail(error: Error): void {
    this.failure ??= error;
    this.call.cancel();
    this.wake();
  }
}

/** google.rpc.Code: DEADLINE_EXCEEDED, ABORTED, INTERNAL, UNAVAILABLE */
const TRANSIENT = new Set([4, 10, 13, 14]);

function refusal({ stream, revision }: Waiting, answer: Streams.BatchAppendResp): Error {
  const error = answer.getError();
  const details = error?.getDetails();
  if (!details?.getTypeName().endsWith('.WrongExpectedVersion')) {
    const text = `The target refused stream "${stream}" at revision ${revision}: ${error?.getMessage()}`;
    return TRANSIENT.has(error?.getCode() ?? 0) ? new Lost(text) : new Error(text);
  }
  const wrong = shared.WrongExpectedVersion.deserializeBinary(details.getValue_asU8());
  const last = wrong.hasCurrentStreamRevision() ? BigInt(wrong.getCurrentStreamRevision()) : -1n;
  if (last < revision - 1n) return gap({ stream, revision }, last);
  return new Conflict(
    `Stream "${stream}" of the target was expected to end before revision ${revision}, and it ends at ${last}: something ` +
      'else writes to the target, or an earlier copy was still writing. End it, then run the same command again.',
  );
}

function proposed(event: CopiedEvent): Streams.BatchAppendReq.ProposedMessage {
  const message = new streams.BatchAppendReq.ProposedMessage()
    .setId(new shared.UUID().setString(event.id))
    .setData(event.data)
    .setCustomMetadata(event.metadata);
  message.getMetadataMap().set('type', event.type).set('content-type', event.contentType);
  return message;
}
