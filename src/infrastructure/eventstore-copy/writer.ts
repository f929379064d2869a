/** Appends sent one behind the other over one call, so that the target takes them in the order of the source. */
import { randomUUID } from 'node:crypto';
import shared from '@eventstore/db-client/generated/shared_pb.js';
import emptyMessages from 'google-protobuf/google/protobuf/empty_pb.js';
import streams from '@eventstore/db-client/generated/streams_pb.js';
import type * as Streams from '@eventstore/db-client/generated/streams_pb.js';
import type { CopiedEvent } from './event.js';
import type { Server } from './server.js';

const { Empty } = emptyMessages;
const MAX_IN_FLIGHT = 64;
/** Of types, data and metadata; an event with more goes alone. Servers take 1 MiB. */
export const MAX_APPEND_BYTES = 512 * 1024;
export const MAX_APPEND_EVENTS = 500;

export class CopyWriter {
  private readonly call;
  private readonly waiting = new Map<string, string>();
  private failure: Error | undefined;
  private wake: () => void = () => undefined;

  constructor(server: Server) {
    this.call = server.client.batchAppend(...server.call());
    this.call.on('data', (answer: Streams.BatchAppendResp) => this.answered(answer));
    this.call.on('drain', () => this.wake());
    this.call.on('error', (error: Error) => this.fail(error));
    this.call.on('end', () => this.fail(new Error('The target ended the call of the appends; run the command again')));
  }

  /** @param events of one stream, with revisions that follow each other */
  async append(events: readonly CopiedEvent[]): Promise<void> {
    const first = events[0];
    if (!first) return;
    await this.until(() => this.waiting.size < MAX_IN_FLIGHT);
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
    this.waiting.set(id, `"${first.stream}" at revision ${first.revision}`);
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
    while (!this.failure && !holds()) await new Promise<void>((resolve) => (this.wake = resolve));
    if (this.failure) throw this.failure;
  }

  private answered(answer: Streams.BatchAppendResp): void {
    const id = answer.getCorrelationId()?.getString() ?? '';
    const error = answer.getError();
    if (error) this.fail(new Error(`The target refused ${this.waiting.get(id)}: ${error.getMessage()}`));
    this.waiting.delete(id);
    this.wake();
  }

  private fail(error: Error): void {
    this.failure ??= error;
    this.call.cancel();
    this.wake();
  }
}

function proposed(event: CopiedEvent): Streams.BatchAppendReq.ProposedMessage {
  const message = new streams.BatchAppendReq.ProposedMessage()
    .setId(new shared.UUID().setString(event.id))
    .setData(event.data)
    .setCustomMetadata(event.metadata);
  message.getMetadataMap().set('type', event.type).set('content-type', event.contentType);
  return message;
}
