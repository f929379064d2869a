/** A server of the protocol that does what a test says: with each append of a batch, and with each read. */
import { promisify } from 'node:util';
import { Server, ServerCredentials, type ServerDuplexStream, type ServerWritableStream } from '@grpc/grpc-js';
import shared from '@eventstore/db-client/generated/shared_pb.js';
import rpc from '@eventstore/db-client/generated/status_pb.js';
import streamServices from '@eventstore/db-client/generated/streams_grpc_pb.js';
import streams from '@eventstore/db-client/generated/streams_pb.js';

type Request = InstanceType<typeof streams.BatchAppendReq>;
export type BatchCall = ServerDuplexStream<Request, InstanceType<typeof streams.BatchAppendResp> | Buffer>;
export type ReadCall = ServerWritableStream<
  InstanceType<typeof streams.ReadReq>,
  InstanceType<typeof streams.ReadResp>
>;

export type Script = {
  append: (request: Request, call: BatchCall) => void;
  read: (call: ReadCall) => void;
};

export const startScriptedServer = async (script: Script) => {
  const server = new Server();
  const { read, batchAppend } = streamServices.StreamsService;
  // Bytes that are no message are sent as they are.
  const responseSerialize = (message: InstanceType<typeof streams.BatchAppendResp> | Buffer) =>
    Buffer.isBuffer(message) ? message : batchAppend.responseSerialize(message);
  server.addService(
    { read, batchAppend: { ...batchAppend, responseSerialize } },
    {
      read: (call: ReadCall) => script.read(call),
      batchAppend: (call: BatchCall) => {
        call.on('data', (request: Request) => script.append(request, call));
        call.on('end', () => call.end());
        call.on('error', () => undefined);
      },
    },
  );
  const port = await promisify(server.bindAsync.bind(server))('127.0.0.1:0', ServerCredentials.createInsecure());
  return { url: `esdb://127.0.0.1:${port}?tls=false`, close: () => server.forceShutdown() };
};

export const success = (request: Request, revision = 0, position = 1) => {
  const at = new shared.AllStreamPosition().setCommitPosition(`${position}`).setPreparePosition(`${position}`);
  return new streams.BatchAppendResp()
    .setCorrelationId(request.getCorrelationId())
    .setStreamIdentifier(request.getOptions()?.getStreamIdentifier())
    .setSuccess(new streams.BatchAppendResp.Success().setCurrentRevision(`${revision}`).setPosition(at));
};

export const failure = (request: Request, code: number, message: string) =>
  new streams.BatchAppendResp()
    .setCorrelationId(request.getCorrelationId())
    .setError(new rpc.Status().setCode(code).setMessage(message));

export const nameOf = (request: Request): string =>
  Buffer.from(request.getOptions()!.getStreamIdentifier()!.getStreamName_asU8()).toString();
