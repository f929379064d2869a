/** The protocol's messages and services, as the official client ships them (CommonJS: values and types come apart). */
import gossipServices from '@eventstore/db-client/generated/gossip_grpc_pb.js';
import gossipMessages from '@eventstore/db-client/generated/gossip_pb.js';
import featureServices from '@eventstore/db-client/generated/serverfeatures_grpc_pb.js';
import featureMessages from '@eventstore/db-client/generated/serverfeatures_pb.js';
import sharedMessages from '@eventstore/db-client/generated/shared_pb.js';
import statusMessages from '@eventstore/db-client/generated/status_pb.js';
import streamServices from '@eventstore/db-client/generated/streams_grpc_pb.js';
import streamMessages from '@eventstore/db-client/generated/streams_pb.js';
import anyMessages from 'google-protobuf/google/protobuf/any_pb.js';
import emptyMessages from 'google-protobuf/google/protobuf/empty_pb.js';
import { spanIn } from './append-span.js';
import type { Joined } from './joined.js';
import { hotAppendIn, type HotAppend } from './hot-append.js';

import type * as Streams from '@eventstore/db-client/generated/streams_pb.js';
export type * as Shared from '@eventstore/db-client/generated/shared_pb.js';
export type * as Gossip from '@eventstore/db-client/generated/gossip_pb.js';
export type * as Features from '@eventstore/db-client/generated/serverfeatures_pb.js';
export type * as Rpc from '@eventstore/db-client/generated/status_pb.js';

export type { Streams };
export const streams = streamMessages;
export const shared = sharedMessages;
export const gossip = gossipMessages;
export const features = featureMessages;
export const rpc = statusMessages;
export const { Any } = anyMessages;
/** google.protobuf.Empty; `shared.Empty` is the protocol's own. */
export const { Empty: GoogleEmpty } = emptyMessages;

/** A message that is bytes already. */
export type Encoded = Buffer;

/** An append of a batch, with the milliseconds that it may take; null where its sender gives it no span. */
export type BatchAppendPart = Streams.BatchAppendReq & Readonly<{ kind?: undefined; spanMs: number | null }>;
export type BatchAppendRequest = HotAppend | BatchAppendPart;

const { read, batchAppend } = streamServices.StreamsService;
/** Of what a serializer gives the library uses the length alone, and the copy. */
const asBuffer = (message: Encoded | Joined): Buffer => message as Buffer;

/** By the generated classes, which know all of its forms. */
export const batchAppendPart = (bytes: Buffer): BatchAppendPart =>
  Object.assign(batchAppend.requestDeserialize(bytes), { spanMs: spanIn(bytes) });

export const StreamsService = {
  ...streamServices.StreamsService,
  batchAppend: {
    ...batchAppend,
    requestDeserialize: (bytes: Buffer): BatchAppendRequest => hotAppendIn(bytes) ?? batchAppendPart(bytes),
    responseSerialize: asBuffer,
  },
  read: {
    ...read,
    responseSerialize: asBuffer,
  },
};
export const { GossipService } = gossipServices;
export const { ServerFeaturesService } = featureServices;
