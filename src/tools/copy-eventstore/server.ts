/** One side of a copy, at the level of the protocol's messages: the client would parse JSON and write it anew. */
import { EventStoreDBClient } from '@eventstore/db-client';
import streamServices from '@eventstore/db-client/generated/streams_grpc_pb.js';
import shared from '@eventstore/db-client/generated/shared_pb.js';
import streams from '@eventstore/db-client/generated/streams_pb.js';
import type * as Streams from '@eventstore/db-client/generated/streams_pb.js';
import type { CallOptions, Channel, Metadata } from '@grpc/grpc-js';
import { addressOf, withCredentials } from '../../infrastructure/eventstore/connect.js';
import type { CopiedEvent } from './event.js';
import { copyLimits, type CopyLimits } from './limits.js';
import { callFailure, silent } from './lost.js';

type Inside = {
  getChannel(): Promise<Channel>;
  callArguments(base: object, options?: CallOptions): [Metadata, CallOptions];
};
type Client = InstanceType<typeof streamServices.StreamsClient>;
type Arguments = () => [Metadata, CallOptions];

const ALL = '9223372036854775807';

export class Server {
  private constructor(
    readonly name: 'source' | 'target',
    private readonly idleMs: number,
    readonly client: Client,
    readonly call: Arguments,
    private readonly channel: Channel,
  ) {}

  /** @param given may hold credentials */
  static async connect(
    name: 'source' | 'target',
    given: string,
    { idleMs }: Pick<CopyLimits, 'idleMs'> = copyLimits,
  ): Promise<Server> {
    const { url, hasTls, credentials } = addressOf(given);
    const inside = EventStoreDBClient.connectionString(url) as unknown as Inside;
    const channel = await inside.getChannel();
    const interceptors = credentials && !hasTls ? [withCredentials(credentials)] : [];
    const client = new streamServices.StreamsClient('', undefined as never, { channelOverride: channel, interceptors });
    const base = { requiresLeader: true, ...(credentials ? { credentials } : {}) };
    return new Server(name, idleMs, client, () => inside.callArguments(base, { deadline: Infinity }), channel);
  }

  close(): void {
    this.channel.close();
  }

  /** The whole log from its start, links unresolved. */
  async *log(): AsyncGenerator<CopiedEvent> {
    yield* this.read(new streams.ReadReq.Options.AllOptions().setStart(new shared.Empty()), FORWARDS, ALL);
  }

  /** Commit position of the newest event; undefined where there is none. */
  async head(): Promise<bigint | undefined> {
    const end = new streams.ReadReq.Options.AllOptions().setEnd(new shared.Empty());
    for await (const event of this.read(end, BACKWARDS, '1')) return event.position;
    return undefined;
  }

  /** Ends `stream` for ever. */
  tombstone(stream: string): Promise<void> {
    const identifier = new shared.StreamIdentifier().setStreamName(Buffer.from(stream));
    const options = new streams.TombstoneReq.Options().setStreamIdentifier(identifier).setAny(new shared.Empty());
    return new Promise((resolve, reject) => {
      const [metadata, call] = this.call();
      const request = new streams.TombstoneReq().setOptions(options);
      const patient = { ...call, deadline: Date.now() + this.idleMs };
      this.client.tombstone(request, metadata, patient, (error) =>
        error ? reject(callFailure(this.name, error)) : resolve(),
      );
    });
  }

  private async *read(all: Streams.ReadReq.Options.AllOptions, direction: 0 | 1, count: string) {
    const options = new streams.ReadReq.Options()
      .setAll(all)
      .setReadDirection(direction)
      .setCount(count)
      .setNoFilter(new shared.Empty())
      .setResolveLinks(false)
      .setUuidOption(new streams.ReadReq.Options.UUIDOption().setString(new shared.Empty()));
    const call = this.client.read(new streams.ReadReq().setOptions(options), ...this.call());
    call.on('error', () => undefined); // given by the iterator, and of the cancelling
    const messages = (call as AsyncIterable<Streams.ReadResp>)[Symbol.asyncIterator]();
    let due = false;
    const silence = setTimeout(() => due && call.destroy(silent(this.name, this.idleMs)), this.idleMs);
    try {
      for (;;) {
        due = true;
        silence.refresh();
        const next = await messages.next();
        due = false;
        if (next.done) return;
        const event = next.value.getEvent()?.getEvent();
        if (event) yield recorded(event);
      }
    } catch (error) {
      throw callFailure(this.name, error);
    } finally {
      clearTimeout(silence);
      call.cancel();
    }
  }
}

function recorded(event: Streams.ReadResp.ReadEvent.RecordedEvent): CopiedEvent {
  return {
    stream: Buffer.from(event.getStreamIdentifier()?.getStreamName_asU8() ?? []).toString('utf8'),
    id: event.getId()?.getString() ?? '',
    type: event.getMetadataMap().get('type') ?? '',
    contentType: event.getMetadataMap().get('content-type') ?? 'application/octet-stream',
    data: event.getData_asU8(),
    metadata: event.getCustomMetadata_asU8(),
    revision: BigInt(event.getStreamRevision()),
    position: BigInt(event.getCommitPosition()),
  };
}

const FORWARDS = 0;
const BACKWARDS = 1;
