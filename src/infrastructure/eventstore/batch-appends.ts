/** Many appends over one call: each costs a message and an answer, where a call of its own costs a stream of HTTP/2. */
import type { EventStoreDBClient } from '@eventstore/db-client';
import sharedMessages from '@eventstore/db-client/generated/shared_pb.js';
import streamServices from '@eventstore/db-client/generated/streams_grpc_pb.js';
import type * as Streams from '@eventstore/db-client/generated/streams_pb.js';
import streamMessages from '@eventstore/db-client/generated/streams_pb.js';
import type { ClientDuplexStream } from '@grpc/grpc-js';
import timestampMessages from 'google-protobuf/google/protobuf/timestamp_pb.js';
import type { Appended, ExpectedRevision, NewEvent } from '../../application/event-log.js';
import { batchAnswer } from './batch-answer.js';
import { describe } from './refusals.js';

type Call = ClientDuplexStream<Streams.BatchAppendReq, Streams.BatchAppendResp>;
type Waiting = Readonly<{ resolve: (answer: Streams.BatchAppendResp) => void; reject: (error: unknown) => void }>;

/** Of the client, what its own commands are made of: one channel for all calls, which is renewed when it fails. */
type Inside = Readonly<{
  execute<T>(
    Client: typeof streamServices.StreamsClient,
    name: string,
    action: (client: InstanceType<typeof streamServices.StreamsClient>) => Promise<T>,
  ): Promise<T>;
  callArguments(
    options: object,
    callOptions: object,
  ): Parameters<InstanceType<typeof streamServices.StreamsClient>['batchAppend']>;
}>;

const JSON_CONTENT = 'application/json';

/**
 * The client has such a call too. Its own rejects appends of others that are under way, answers nobody who waits for ever,
 * and throws where nobody can catch it when an answer comes late.
 */
export class BatchAppends {
  private call: Promise<Call> | undefined;
  private readonly waiting = new Map<string, Waiting>();
  private sent = 0;

  constructor(
    private readonly client: EventStoreDBClient,
    private readonly timeoutMs: number,
  ) {}

  /**
   * Waits for its answer as long as that takes, or until `signal` aborts.
   * @throws RevisionConflict; whatever else the server or the connection says, as it is
   */
  async append(
    stream: string,
    events: readonly NewEvent[],
    expected: ExpectedRevision,
    signal: AbortSignal,
  ): Promise<Appended> {
    const call = await this.present();
    const number = String(++this.sent);
    const answered = new Promise<Streams.BatchAppendResp>((resolve, reject) => {
      this.waiting.set(number, { resolve, reject });
      signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
    });
    try {
      call.write(this.request(number, stream, events, expected));
      return batchAnswer(await answered, stream, expected);
    } finally {
      this.waiting.delete(number);
    }
  }

  /** Ends the call; who waits is told that the connection is lost. */
  async close(): Promise<void> {
    const call = await this.call?.catch(() => undefined);
    call?.cancel();
  }

  /** What follows in the same turn is noticed by whoever loses the call. */
  private async present(): Promise<Call> {
    for (;;) {
      const opened = (this.call ??= this.open());
      const call = await opened;
      if (this.call === opened) return call;
    }
  }

  private open(): Promise<Call> {
    const inside = this.client as unknown as Inside;
    const opened = new Promise<Call>((resolve, reject) => {
      const failed = inside.execute(streamServices.StreamsClient, 'batchAppend', (client) => {
        const call = client.batchAppend(...inside.callArguments({}, { deadline: Infinity }));
        call.on('data', (answer: Streams.BatchAppendResp) => this.waiting.get(numberOf(answer))?.resolve(answer));
        resolve(call);
        return new Promise<never>((_, lost) => {
          call.on('error', lost);
          call.on('end', () => lost(new Error('The server has ended the call for appends')));
        });
      });
      failed.catch((error: unknown) => {
        if (this.call === opened) this.call = undefined;
        // Without its code: what ended the call says nothing of the appends that were under way.
        const lost = new Error(describe(error));
        reject(lost);
        for (const one of this.waiting.values()) one.reject(lost);
      });
    });
    return opened;
  }

  private request(number: string, stream: string, events: readonly NewEvent[], expected: ExpectedRevision) {
    const options = new streamMessages.BatchAppendReq.Options()
      .setStreamIdentifier(new sharedMessages.StreamIdentifier().setStreamName(Buffer.from(stream)))
      .setDeadline(timestampMessages.Timestamp.fromDate(new Date(Date.now() + this.timeoutMs)));
    if (expected === 'none') options.setNoStream(new sharedMessages.Empty());
    else options.setStreamPosition(expected.toString());
    return new streamMessages.BatchAppendReq()
      .setCorrelationId(correlationOf(number))
      .setOptions(options)
      .setProposedMessagesList(events.map(proposed))
      .setIsFinal(true);
  }
}

const proposed = ({ id, type, data, metadata }: NewEvent) => {
  const message = new streamMessages.BatchAppendReq.ProposedMessage()
    .setId(new sharedMessages.UUID().setString(id))
    .setData(Buffer.from(JSON.stringify(data)))
    .setCustomMetadata(Buffer.from(JSON.stringify(metadata)));
  message.getMetadataMap().set('type', type).set('content-type', JSON_CONTENT);
  return message;
};

/** The appends of a call are numbered; a server may give the number back in either form of a UUID. */
const correlationOf = (number: string) => {
  const structured = new sharedMessages.UUID.Structured().setMostSignificantBits('0').setLeastSignificantBits(number);
  return new sharedMessages.UUID().setStructured(structured);
};

const numberOf = (answer: Streams.BatchAppendResp): string => {
  const id = answer.getCorrelationId();
  if (id?.hasStructured()) return id.getStructured()!.getLeastSignificantBits();
  return BigInt(`0x${(id?.getString() ?? '').replaceAll('-', '').slice(16) || '0'}`).toString();
};
