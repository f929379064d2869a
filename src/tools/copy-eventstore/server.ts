/** One side of a copy, at the level of the protocol's messages: the client would parse JSON and write it anew. */
import streamServices from '@eventstore/db-client/generated/streams_grpc_pb.js';
import shared from '@eventstore/db-client/generated/shared_pb.js';
import type * as Streams from '@eventstore/db-client/generated/streams_pb.js';
import streams from '@eventstore/db-client/generated/streams_pb.js';
import type { CallOptions, Channel, Metadata } from '@grpc/grpc-js';
import { addressOf, clientOf, withCredentials } from '../../infrastructure/eventstore/connect.js';
import { asCopied, type CopiedEvent, copyLimits, type CopyLimits, kindOf, sizeOf } from './event.js';

/** One log of a copy: gives its events and keeps what is compared after them, metadata and tombstones. */
export class LogSide {
  readonly metadata = new Map<string, CopiedEvent[]>();
  readonly tombstones = new Map<string, CopiedEvent>();
  private kept = 0;
  private bytes = 0;

  constructor(
    readonly server: Server,
    private readonly limits: CopyLimits,
  ) {}

  /** @param head the last position to read; without it, to the end */
  async *events(head?: bigint): AsyncGenerator<CopiedEvent> {
    for await (const event of this.server.log()) {
      if (head !== undefined && event.position > head) return;
      const kind = kindOf(event);
      if (kind === 'event') yield this.server.name === 'source' ? asCopied(event) : event;
      else if (kind) this.keep(kind, event);
    }
  }

  /** Streams that are soft-deleted, by the metadata read so far: a server that is to append to one writes metadata itself. */
  deleted(): Set<string> {
    const deleted = new Set<string>();
    for (const [stream, events] of this.metadata) if (isDeletion(events.at(-1))) deleted.add(stream.slice(2));
    return deleted;
  }

  private keep(kind: 'metadata' | 'tombstone', event: CopiedEvent): void {
    this.kept += 1;
    this.bytes += sizeOf(event);
    const { keptEvents, keptBytes } = this.limits;
    if (this.kept > keptEvents || this.bytes > keptBytes) {
      throw new Error(
        `The ${this.server.name} has more stream metadata and tombstones than are kept in memory: expected at most ` +
          `${keptEvents} events and ${keptBytes} bytes, came to "${event.stream}" revision ${event.revision}. ` +
          'Allow more with --kept-events and --kept-mib.',
      );
    }
    if (kind === 'tombstone') this.tombstones.set(event.stream, event);
    else {
      const before = this.metadata.get(event.stream);
      if (before) before.push(event);
      else this.metadata.set(event.stream, [event]);
    }
  }
}

function isDeletion(event: CopiedEvent | undefined): boolean {
  try {
    const metadata = JSON.parse(Buffer.from(event?.data ?? []).toString()) as { $tb?: unknown } | null;
    return Number(metadata?.$tb ?? 0) >= DELETED;
  } catch {
    return false; // metadata that servers cannot read delete nothing
  }
}

/** The largest revision, as a double: JSON's numbers cannot tell it from its neighbours. */
const DELETED = 2 ** 63;

/** A server that went away or fell silent. What is written stays written, so the same command goes on later. */
export class Lost extends Error {}

export const silent = (server: string, idleMs: number) =>
  new Lost(`The ${server} sent nothing for ${idleMs / 1_000} s while an answer was due`);

/** @param error of a call to `server` */
export function callFailure(server: string, error: unknown): Error {
  if (error instanceof Lost || !isServiceError(error)) return error instanceof Error ? error : new Error(String(error));
  const text = `The ${server} answered: ${error.details}`;
  return REFUSED.has(error.code) ? new Error(`${text}. Check the user and password in its URL`) : new Lost(text);
}

/** gRPC's PERMISSION_DENIED and UNAUTHENTICATED */
const REFUSED = new Set([7, 16]);

const isServiceError = (error: unknown): error is { code: number; details: string } =>
  error instanceof Error && 'code' in error && typeof error.code === 'number' && 'details' in error;

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
    const address = addressOf(given);
    const { hasTls, credentials } = address;
    const inside = clientOf(address) as unknown as Inside;
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

  /** The whole log from its end. */
  async *backwards(): AsyncGenerator<CopiedEvent> {
    yield* this.read(new streams.ReadReq.Options.AllOptions().setEnd(new shared.Empty()), BACKWARDS, ALL);
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
    recordedAt: new Date(Number(BigInt(event.getMetadataMap().get('created') ?? '0') / TICKS_PER_MILLISECOND)),
  };
}

const TICKS_PER_MILLISECOND = 10_000n;
const FORWARDS = 0;
const BACKWARDS = 1;
