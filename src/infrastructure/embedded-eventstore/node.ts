/** The node in this thread: storage, writer, subscriptions and the gRPC server in front of them. */
import { randomUUID } from 'node:crypto';
import { promisify } from 'node:util';
import { setTimeout as delay } from 'node:timers/promises';
import { Server, ServerCredentials } from '@grpc/grpc-js';
import { OWN_STREAM_PREFIXES } from '../../application/audit/audited-log.js';
import { authenticated, withCredentials } from './wire/credentials.js';
import { defaultLimits, type Limits } from './limits.js';
import { pipelinedReads } from './wire/outgoing.js';
import { GossipService, ServerFeaturesService, StreamsService } from './wire/protocol.js';
import { Reader } from './storage/reader.js';
import { appendHandler } from './rpc/append.js';
import { BatchAppendCalls } from './rpc/batch-append.js';
import { featuresHandler, gossipHandler } from './rpc/cluster.js';
import { deleteHandler, tombstoneHandler } from './rpc/delete.js';
import { ReadCalls } from './rpc/read.js';
import { Access } from './log/access.js';
import { Searches } from './log/searches.js';
import { Tail } from './log/tail.js';
import { Writer } from './log/writer.js';
import { WriterConnection, WriterLost } from './storage/writer-connection.js';

export type NodeOptions = Readonly<{
  databaseUrl: string;
  /** Default 127.0.0.1: the protocol is served without encryption. */
  host?: string;
  /** Default 0: any free port. */
  port?: number;
  /** The address that clients and a second node get, where it differs from `host` and `port`. */
  advertisedHost?: string;
  advertisedPort?: number;
  /** A secret that is taken beside that of the installation. */
  secret?: string;
  /** Streams from which nothing may be taken away, by what their names begin with. Default: the application's own. */
  protectedPrefixes?: readonly string[];
  limits?: Partial<Limits>;
  log?: (line: string) => void;
}>;

export type RunningNode = Readonly<{
  /** Connection string with the credentials, for `connect`. Not to be logged. */
  url: string;
  /** The same without them. */
  address: string;
  /** What the credentials' password is. Not to be logged. */
  secret: string;
  /** Answers what is in flight, then stops. */
  close(): Promise<void>;
  /** Resolves if the node fails for good: the database stayed away, or another node took it over. */
  failed: Promise<Error>;
}>;

/**
 * @throws AnotherNodeRuns when another node uses the database; its message says how to connect to that one
 * @throws Error when the database cannot be reached or the port cannot be had
 */
export async function runNode(options: NodeOptions): Promise<RunningNode> {
  const limits: Limits = { ...defaultLimits, ...options.limits };
  const { databaseUrl, host = '127.0.0.1', log = () => undefined } = options;
  const connection = await WriterConnection.open(databaseUrl, limits, log);
  const reader = new Reader(databaseUrl, limits);
  let fail: (error: Error) => void = () => undefined;
  const failed = new Promise<Error>((resolve) => (fail = resolve));
  let server: Server | undefined;
  try {
    const secret = await connection.secret();
    server = newServer(limits, [secret, ...(options.secret ? [options.secret] : [])]);
    const tail = new Tail(await connection.lastPosition(), limits);
    const lost = (error: Error) => {
      log(error.message);
      fail(error);
      server?.forceShutdown();
    };
    const { protectedPrefixes = OWN_STREAM_PREFIXES } = options;
    const writer = new Writer(connection, reader, tail, limits, protectedPrefixes, lost);
    const access = new Access(reader);
    const batches = new BatchAppendCalls(writer, access, limits);
    const reads = new ReadCalls({ reader, searches: new Searches(reader, limits), tail, limits }, access);
    server.addService(StreamsService, {
      append: appendHandler(writer, access, limits),
      batchAppend: batches.handle,
      delete: deleteHandler(writer, access, limits),
      tombstone: tombstoneHandler(writer, access, limits),
      read: reads.handle,
    });
    const advertised = { host: options.advertisedHost ?? host, port: options.advertisedPort ?? options.port ?? 0 };
    server.addService(GossipService, { read: gossipHandler(randomUUID(), advertised) });
    server.addService(ServerFeaturesService, { getSupportedMethods: featuresHandler() });
    const address = `${host}:${options.port ?? 0}`;
    const bound = await promisify(server.bindAsync.bind(server))(address, ServerCredentials.createInsecure());
    if (advertised.port === 0) advertised.port = bound;
    const at = `esdb://${advertised.host}:${advertised.port}?tls=false`;
    await connection.advertise(at, randomUUID());
    const heart = new AbortController();
    void beat(connection, limits.beatMs, heart.signal).catch(lost);
    let closed: Promise<void> | undefined;
    const running = server;
    return {
      ...{ url: withCredentials(at, secret), address: at, secret },
      failed,
      close: () => (closed ??= close({ server: running, reads, batches, writer, reader, connection, heart, limits })),
    };
  } catch (error) {
    server?.forceShutdown();
    await reader.close();
    await connection.close();
    throw error;
  }
}

const newServer = (limits: Limits, secrets: readonly string[]): Server =>
  new Server({
    'grpc.max_receive_message_length': limits.maxRequestBytes,
    'grpc.max_send_message_length': -1,
    'grpc-node.max_session_memory': limits.maxSessionMegabytes,
    interceptors: [authenticated(secrets), pipelinedReads(limits.sendAheadBytes)],
  });

type Running = Readonly<{
  server: Server;
  reads: ReadCalls;
  batches: BatchAppendCalls;
  writer: Writer;
  reader: Reader;
  connection: WriterConnection;
  heart: AbortController;
  limits: Limits;
}>;

/** Signs of life, from the connection that writes: they end with the right to write. */
async function beat(connection: WriterConnection, everyMs: number, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    try {
      await connection.beat();
    } catch (error) {
      if (signal.aborted) return;
      if (error instanceof WriterLost) throw error;
    }
    await delay(everyMs, undefined, { ref: false, signal }).catch(() => undefined);
  }
}

async function close({ server, reads, batches, writer, reader, connection, heart, limits }: Running): Promise<void> {
  heart.abort();
  const late = delay(limits.closeMs, undefined, { ref: false });
  reads.close();
  await Promise.race([writer.close(), late]);
  batches.close();
  await Promise.race([promisify(server.tryShutdown.bind(server))().catch(() => undefined), late]);
  server.forceShutdown();
  await connection.close();
  await reader.close();
}
