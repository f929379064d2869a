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
  const orBytes =
    <Message>(serialize: (message: Message) => Buffer) =>
    (message: Message | Buffer) =>
      Buffer.isBuffer(message) ? message : serialize(message);
  server.addService(
    {
      read,
      batchAppend: { ...batchAppend, responseSerialize: orBytes(batchAppend.responseSerialize) },
    },
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

const varint = (value: bigint): number[] =>
  value < 128n ? [Number(value)] : [Number(value & 127n) | 128, ...varint(value >> 7n)];

const asField = (number: number, bytes: Uint8Array): Buffer =>
  Buffer.from([...varint(BigInt((number << 3) | 2)), ...varint(BigInt(bytes.length)), ...bytes]);

/** The same of an embedded node, which says when the events were recorded (milliseconds since the epoch). */
export const successAt = (created: number, ...answer: Parameters<typeof success>): Buffer => {
  const whole = success(...answer);
  const done = whole.getSuccess()!;
  whole.clearSuccess();
  const extra = [...varint(1000n << 3n), ...varint(BigInt(created))];
  return Buffer.concat([whole.serializeBinary(), asField(3, Buffer.from([...done.serializeBinary(), ...extra]))]);
};
