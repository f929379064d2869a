/** The server that the protocol's suites talk to: EVENTSTORE_URL where it is set, or an embedded node of their own. */
import { randomUUID } from 'node:crypto';
import {
  EventStoreDBClient,
  jsonEvent,
  streamNameFilter,
  type AllStreamSubscription,
  type AppendExpectedRevision,
  type EventData,
  type Position,
} from '@eventstore/db-client';
import streamMessages from '@eventstore/db-client/generated/streams_pb.js';
import { InterceptingCall, type Interceptor } from '@grpc/grpc-js';
import { addressOf, connect, withCredentials } from '../../../src/infrastructure/eventstore/connect.js';
import {
  startEmbeddedEventStore,
  type EmbeddedEventStoreOptions,
} from '../../../src/infrastructure/embedded-eventstore/index.js';
import { createTestDatabase } from '../../support/postgres.js';

export type ServerUnderTest = { url: string; client: EventStoreDBClient };

/** Whether it is our node, with the limits that a spec asks for: only then is it known when a subscriber falls behind. */
export const isOwnNode = !process.env.EVENTSTORE_URL;

/** Registers the server's start and end with Jest. `limits` concern the embedded node alone. */
export function serverUnderTest(limits: EmbeddedEventStoreOptions['limits'] = {}): ServerUnderTest {
  const server = {} as ServerUnderTest;
  let stop: () => Promise<void> = async () => undefined;
  beforeAll(async () => {
    const given = process.env.EVENTSTORE_URL;
    if (given) server.url = given;
    else {
      const database = await createTestDatabase();
      const node = await startEmbeddedEventStore({ databaseUrl: database.url, limits });
      server.url = node.url;
      stop = async () => {
        await node.close();
        await database.drop();
      };
    }
    server.client = connectTo(server.url);
  });
  afterAll(async () => {
    await closeClient(server.client);
    await stop();
  });
  return server;
}

/** The client's own `dispose` ends calls only. */
export async function closeClient(client: EventStoreDBClient): Promise<void> {
  await client.dispose();
  (await (client as unknown as { getChannel(): Promise<{ close(): void }> }).getChannel()).close();
}

export const newStream = (prefix = 'test') => `${prefix}-${randomUUID()}`;
export const event = (data: object = {}, type = 'Tested', id: string = randomUUID()) =>
  jsonEvent({ id, type, data: data as Record<string, unknown> });
export const events = (count: number) => Array.from({ length: count }, (_, index) => event({ index }));

type Way = { credentials?: { username: string; password: string }; bySpan?: boolean };

/**
 * The two ways of the client to append: with credentials it makes a call of its own, without them it uses its batch stream. And that
 * again with deadlines as newer clients send them, as spans: the node reads most of such messages in a way of their own.
 */
export const ways: readonly (readonly [string, Way])[] = [
  ['Append', { credentials: { username: 'admin', password: 'changeit' } }],
  ['BatchAppend', {}],
  ['BatchAppend by a span', { bySpan: true }],
];

/** A client whose appends have spans where they are asked to. */
export function connectTo(url: string): EventStoreDBClient {
  const [client, bySpan] = [connect(url), connect(url)];
  const { credentials } = addressOf(url);
  const inside = bySpan as unknown as {
    getChannel(): Promise<unknown>;
    createGRPCClient(Stub: new (address: null, credentials: null, options: object) => unknown): Promise<unknown>;
  };
  const interceptors = [...(credentials ? [withCredentials(credentials)] : []), withSpans];
  inside.createGRPCClient = async (Stub) =>
    new Stub(null, null, { channelOverride: await inside.getChannel(), interceptors });
  const append = client.appendToStream.bind(client);
  client.appendToStream = ((stream: string, added: EventData, options: { bySpan?: boolean } = {}) => {
    const { bySpan: isBySpan, ...others } = options;
    return isBySpan ? bySpan.appendToStream(stream, added, others) : append(stream, added, others);
  }) as typeof client.appendToStream;
  const dispose = client.dispose.bind(client);
  client.dispose = async () => {
    await closeClient(bySpan);
    await dispose();
  };
  return client;
}

const withSpans: Interceptor = (options, next) =>
  new InterceptingCall(next(options), {
    sendMessage: (message: unknown, go) => {
      if (message instanceof streamMessages.BatchAppendReq && message.hasOptions()) {
        const bytes = withSpan(message);
        message.serializeBinary = () => bytes;
      }
      go(message);
    },
  });

/** Options { deadline_21_10_0 = 6, deadline = 7 }: in place of the one the other, of ten seconds. */
export function withSpan(message: InstanceType<typeof streamMessages.BatchAppendReq>): Buffer {
  const options = message.getOptions()!;
  const [instant, span] = [options.getDeadline(), Buffer.from([(7 << 3) | 2, 2, 1 << 3, 10])];
  options.setDeadline(undefined);
  const whole = Buffer.concat([options.serializeBinary(), span]);
  message.setOptions(undefined);
  const bytes = Buffer.concat([message.serializeBinary(), Buffer.from([(2 << 3) | 2]), varint(whole.length), whole]);
  options.setDeadline(instant);
  message.setOptions(options);
  return bytes;
}

const varint = (value: number): Buffer =>
  value < 128 ? Buffer.from([value]) : Buffer.concat([Buffer.from([(value % 128) | 128]), varint(value >>> 7)]);

/** What `append` answers: the new revision, or the error's type and what it says of the stream. */
export async function outcome(
  client: EventStoreDBClient,
  stream: string,
  added: EventData | EventData[],
  expectedRevision: AppendExpectedRevision,
  way: object = {},
): Promise<unknown> {
  try {
    const { nextExpectedRevision } = await client.appendToStream(stream, added, { expectedRevision, ...way });
    return nextExpectedRevision;
  } catch (error) {
    return failure(error);
  }
}

function failure(error: unknown): unknown {
  const { type, actualVersion, streamName, maxAppendSize } = error as Record<string, unknown>;
  return JSON.parse(
    JSON.stringify({ type, actualVersion, streamName, maxAppendSize }, (_, value: unknown) =>
      typeof value === 'bigint' ? Number(value) : value,
    ),
  );
}

export const failing = (work: Promise<unknown>) => work.then(() => 'no failure', failure);

/** Everything that a read or subscription gives until `enough`. */
export async function collect<T>(
  items: AsyncIterable<T>,
  enough: (collected: readonly T[]) => boolean = () => false,
): Promise<T[]> {
  const collected: T[] = [];
  for await (const item of items) {
    collected.push(item);
    if (enough(collected)) break;
  }
  return collected;
}

/** The gRPC status of a subscription that was too slow. */
const ABORTED = 10;

type Found = Readonly<{ id: string; stream: string; revision: bigint; position: bigint }>;

/**
 * Subscribes to the streams with this prefix. EventStoreDB drops a subscriber that is too slow: it begins again after what
 * it has seen.
 */
export function follow(client: EventStoreDBClient, prefix: string) {
  const [found, marks]: [Found[], string[]] = [[], []];
  const subscribe = (fromPosition: Position | 'start'): AllStreamSubscription =>
    client
      .subscribeToAll({ fromPosition, filter: streamNameFilter({ prefixes: [prefix] }) })
      .on('error', (error) => {
        if ((error as { code?: number }).code === ABORTED) subscription = subscribe(place);
      })
      .on('caughtUp', () => marks.push('caught up'))
      .on('fellBehind', () => marks.push('fell behind'))
      .on('data', ({ event: one }) => {
        if (!one) return;
        place = one.position;
        found.push({ id: one.id, stream: one.streamId, revision: one.revision, position: one.position.commit });
      });
  let place: Position | 'start' = 'start';
  let subscription = subscribe(place);
  return { found, marks, subscription: () => subscription };
}
