/** The service of streams with the hot messages as bytes of our own making; all else is as the client ships it. */
import type { EventStoreDBClient } from '@eventstore/db-client';
import streamServices from '@eventstore/db-client/generated/streams_grpc_pb.js';
import type * as Streams from '@eventstore/db-client/generated/streams_pb.js';
import {
  makeClientConstructor,
  type CallOptions,
  type Client,
  type ClientDuplexStream,
  type ClientReadableStream,
  type Metadata,
} from '@grpc/grpc-js';
import type { SubscriptionMessage } from '../../application/log/event-log.js';
import { decodeAnswer, encodeAppend, type AppendAnswer, type AppendMessage } from './append-messages.js';
import { decodeMessage } from './read-messages.js';

/** What a subscription is sent; `message` is null for what the log does not ask for. */
export type Received = Readonly<{ message: SubscriptionMessage | null }>;
export type AppendCall = ClientDuplexStream<AppendMessage, AppendAnswer>;

type StreamsClient = Client &
  Readonly<{
    read(request: Streams.ReadReq, metadata: Metadata, options: Partial<CallOptions>): ClientReadableStream<Received>;
    batchAppend(metadata: Metadata, options: Partial<CallOptions>): AppendCall;
  }>;

const { read, batchAppend } = streamServices.StreamsService;

const StreamsClient = makeClientConstructor(
  {
    read: { ...read, responseDeserialize: (bytes: Buffer): Received => ({ message: decodeMessage(bytes) }) },
    batchAppend: { ...batchAppend, requestSerialize: encodeAppend, responseDeserialize: decodeAnswer },
  },
  'event_store.client.streams.Streams',
);

/** Of the client, what its own commands are made of: one channel for all calls, which is renewed when it fails. */
type Inside = Readonly<{
  execute<T>(Service: typeof StreamsClient, name: string, action: (client: StreamsClient) => Promise<T>): Promise<T>;
  callArguments(options: object, callOptions: object): [Metadata, Partial<CallOptions>];
}>;

/** Makes a call on the client's channel. The channel is renewed where what `made` gives rejects. */
export const callStreams = <T>(
  client: EventStoreDBClient,
  name: string,
  made: (streams: StreamsClient, ...callArguments: [Metadata, Partial<CallOptions>]) => Promise<T>,
): Promise<T> => {
  const inside = client as unknown as Inside;
  return inside.execute(StreamsClient, name, (streams) =>
    made(streams, ...inside.callArguments({}, { deadline: Infinity })),
  );
};
