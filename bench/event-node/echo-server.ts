/**
 * The floor of the protocol: a server that does nothing. It answers every append at once, and every read with events that
 * it has encoded beforehand; what is left is the client library and gRPC on both sides.
 */
import { randomUUID } from 'node:crypto';
import { Server, ServerCredentials, type ServerDuplexStream, type ServerWritableStream } from '@grpc/grpc-js';
import featureServices from '@eventstore/db-client/generated/serverfeatures_grpc_pb.js';
import features from '@eventstore/db-client/generated/serverfeatures_pb.js';
import shared from '@eventstore/db-client/generated/shared_pb.js';
import streamServices from '@eventstore/db-client/generated/streams_grpc_pb.js';
import streams from '@eventstore/db-client/generated/streams_pb.js';
import type * as Features from '@eventstore/db-client/generated/serverfeatures_pb.js';
import type * as Streams from '@eventstore/db-client/generated/streams_pb.js';

const DATA = Buffer.from(JSON.stringify({ index: 0, output: 'x'.repeat(960) }));

function encodedEvent(): Buffer {
  const recorded = new streams.ReadResp.ReadEvent.RecordedEvent()
    .setId(new shared.UUID().setString(randomUUID()))
    .setStreamIdentifier(new shared.StreamIdentifier().setStreamName(Buffer.from(`bench-${randomUUID()}`)))
    .setStreamRevision('1');
  recorded.setPreparePosition('1000').setCommitPosition('1000').setData(DATA);
  recorded
    .getMetadataMap()
    .set('type', 'StepCompleted')
    .set('content-type', 'application/json')
    .set('created', '17000000000000000');
  const event = new streams.ReadResp.ReadEvent().setEvent(recorded).setCommitPosition('1000');
  return Buffer.from(new streams.ReadResp().setEvent(event).serializeBinary());
}

async function read(call: ServerWritableStream<Streams.ReadReq, Buffer>): Promise<void> {
  const count = Number(call.request.getOptions()?.getCount() ?? 0);
  const event = encodedEvent();
  for (let sent = 0; sent < count && !call.cancelled; sent++) {
    if (!call.write(event)) await new Promise<void>((resolve) => call.once('drain', resolve));
  }
  call.end();
}

const appended = () => {
  const success = new streams.AppendResp.Success().setCurrentRevision('1');
  success.setPosition(new streams.AppendResp.Position().setCommitPosition('1000').setPreparePosition('1000'));
  return new streams.AppendResp().setSuccess(success);
};

function batchAppend(call: ServerDuplexStream<Streams.BatchAppendReq, Streams.BatchAppendResp>): void {
  call.on('data', (request: Streams.BatchAppendReq) => {
    if (!request.getIsFinal()) return;
    const success = new streams.BatchAppendResp.Success().setCurrentRevision('1');
    success.setPosition(new shared.AllStreamPosition().setCommitPosition('1000').setPreparePosition('1000'));
    const answer = new streams.BatchAppendResp().setCorrelationId(request.getCorrelationId()).setSuccess(success);
    call.write(answer.setStreamIdentifier(request.getOptions()?.getStreamIdentifier()));
  });
  call.on('end', () => call.end());
}

const supported: Features.SupportedMethods = new features.SupportedMethods().setEventStoreServerVersion('23.10.0');
for (const method of ['append', 'batchappend', 'read']) {
  supported.addMethods(
    new features.SupportedMethod().setServiceName('event_store.client.streams.streams').setMethodName(method),
  );
}

const { StreamsService } = streamServices;
const server = new Server();
server.addService(
  { ...StreamsService, read: { ...StreamsService.read, responseSerialize: (bytes: Buffer) => bytes } },
  {
    append: (call: NodeJS.ReadableStream, callback: (error: null, answer: Streams.AppendResp) => void) => {
      call.on('data', () => undefined).on('end', () => callback(null, appended()));
    },
    batchAppend,
    read: (call: ServerWritableStream<Streams.ReadReq, Buffer>) => void read(call),
  },
);
server.addService(featureServices.ServerFeaturesService, {
  getSupportedMethods: (_call: unknown, callback: (error: null, answer: Features.SupportedMethods) => void) =>
    callback(null, supported),
});
/** Not of the protocol: one message there and one back, the least that gRPC can do. */
server.addService(
  {
    echo: {
      path: '/bench.Echo/Echo',
      requestStream: false,
      responseStream: false,
      requestSerialize: (bytes: Buffer) => bytes,
      requestDeserialize: (bytes: Buffer) => bytes,
      responseSerialize: (bytes: Buffer) => bytes,
      responseDeserialize: (bytes: Buffer) => bytes,
    },
  },
  {
    echo: (call: { request: Buffer }, callback: (error: null, answer: Buffer) => void) =>
      callback(null, call.request.subarray(0, 32)),
  },
);
server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, port) => {
  if (error) throw error;
  console.log(`echo on ${port}.`);
});
process.on('SIGTERM', () => process.exit(0));
