/** Calls of the protocol's service of streams whose messages are bytes of our own making, over the client's channel. */
import type { EventStoreDBClient } from '@eventstore/db-client';
import {
  makeClientConstructor,
  type CallOptions,
  type Client,
  type ClientDuplexStream,
  type ClientReadableStream,
  type Metadata,
} from '@grpc/grpc-js';
import { decodeAnswer, type AppendAnswer } from './append-messages.js';
import { decodeMessage, type StreamMessage } from './read-messages.js';

/** What a subscription is sent; `message` is null for what the log does not ask for. */
export type Received = Readonly<{ message: StreamMessage | null }>;
type AppendCall = ClientDuplexStream<Buffer, AppendAnswer>;

type StreamsClient = Client &
  Readonly<{
    read(request: Buffer, metadata: Metadata, options: Partial<CallOptions>): ClientReadableStream<Received>;
    batchAppend(metadata: Metadata, options: Partial<CallOptions>): AppendCall;
  }>;

const SERVICE = 'event_store.client.streams.Streams';
const asBytes = (bytes: Buffer): Buffer => bytes;
/** No server is made of this definition: its side of the messages is not read here. */
const OF_SERVERS = { requestDeserialize: asBytes, responseSerialize: (): Buffer => Buffer.alloc(0) };

const StreamsClient = makeClientConstructor(
  {
    read: {
      path: `/${SERVICE}/Read`,
      ...{ requestStream: false, responseStream: true, requestSerialize: asBytes, ...OF_SERVERS },
      responseDeserialize: (bytes: Buffer): Received => ({ message: decodeMessage(bytes) }),
    },
    batchAppend: {
      path: `/${SERVICE}/BatchAppend`,
      ...{ requestStream: true, responseStream: true, requestSerialize: asBytes, ...OF_SERVERS },
      responseDeserialize: decodeAnswer,
    },
  },
  SERVICE,
);

/** Of the client, what its own commands are made of: one channel for all calls, which is renewed when it fails. */
type Inside = Readonly<{
  execute<T>(Service: typeof StreamsClient, name: string, action: (client: StreamsClient) => Promise<T>): Promise<T>;
  callArguments(options: object, callOptions: object): [Metadata, Partial<CallOptions>];
}>;

/** Of a call, beside those of the client's own. */
export type Headers = Readonly<Record<string, string>>;

/** Makes a call on the client's channel. The channel is renewed where what `made` gives rejects. */
export const callStreams = <T>(
  client: EventStoreDBClient,
  name: string,
  headers: Headers,
  made: (streams: StreamsClient, ...callArguments: [Metadata, Partial<CallOptions>]) => Promise<T>,
): Promise<T> => {
  const inside = client as unknown as Inside;
  return inside.execute(StreamsClient, name, (streams) => {
    const [metadata, options] = inside.callArguments({}, { deadline: Infinity });
    for (const [header, value] of Object.entries(headers)) metadata.set(header, value);
    return made(streams, metadata, options);
  });
};
