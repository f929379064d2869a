/** What the adapter makes of servers that are gone, hang, or end: the caller learns what is known of its append. */
import { randomUUID } from 'node:crypto';
import { once, type EventEmitter } from 'node:events';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { promisify } from 'node:util';
import { jsonEvent, binaryEvent } from '@eventstore/db-client';
import { Server, ServerCredentials, status } from '@grpc/grpc-js';
import { connect } from '../../../src/infrastructure/eventstore/connect.js';
import { AppendOutcomeUnknown, LogUnavailable, StreamTombstoned } from '../../../src/application/log/event-log.js';
import {
  startEmbeddedEventStore,
  type EmbeddedEventStore,
} from '../../../src/infrastructure/embedded-eventstore/index.js';
import { featuresHandler } from '../../../src/infrastructure/embedded-eventstore/rpc/cluster.js';
import {
  ServerFeaturesService,
  StreamsService,
} from '../../../src/infrastructure/embedded-eventstore/wire/protocol.js';
import { EventStoreDbEventLog } from '../../../src/infrastructure/eventstore/eventstore-db.event-log.js';
import { eventually } from '../../support/eventually.js';
import { createTestDatabase, type TestDatabase } from '../../support/postgres.js';
import { closeClient } from '../embedded-eventstore/server-under-test.js';
import { listen } from './event-log.contract.js';

const event = () => ({ id: randomUUID(), type: 'Happened', data: {}, metadata: {} });

describe('a server that refuses to begin to read where no event begins', () => {
  const server = new Server();
  let log: EventStoreDbEventLog;
  let code = status.UNKNOWN;
  beforeAll(async () => {
    const read = (call: EventEmitter) => call.emit('error', { code, details: 'Exception was thrown by handler.' });
    server.addService(StreamsService, { read });
    server.addService(ServerFeaturesService, { getSupportedMethods: featuresHandler() });
    const port = await promisify(server.bindAsync.bind(server))('127.0.0.1:0', ServerCredentials.createInsecure());
    log = new EventStoreDbEventLog({ url: `esdb://127.0.0.1:${port}?tls=false` });
  });
  afterAll(async () => {
    await log.close();
    server.forceShutdown();
  });

  test('says that a position is inside of an event', async () => {
    expect(await log.at(7n)).toBe('inside');
  });

  test('says nothing of the position where it fails otherwise', async () => {
    code = status.UNAVAILABLE;
    await expect(log.at(7n)).rejects.toBeInstanceOf(LogUnavailable);
  });
});

describe('a server that takes connections and says nothing', () => {
  const sockets: Socket[] = [];
  const server = createServer((socket) => void sockets.push(socket.on('error', () => undefined)));
  let log: EventStoreDbEventLog;
  beforeAll(async () => {
    await once(server.listen(0, '127.0.0.1'), 'listening');
    const { port } = server.address() as AddressInfo;
    log = new EventStoreDbEventLog({
      url: `esdb://127.0.0.1:${port}?tls=false`,
      appendTimeoutMs: 200,
      readTimeoutMs: 200,
      silenceMs: 200,
    });
  });
  afterAll(async () => {
    await log.close();
    for (const socket of sockets) socket.destroy();
    server.close();
  });

  test('leaves the outcome of an append unknown, in time', async () => {
    await expect(log.append('stream', [event()], 'none')).rejects.toBeInstanceOf(AppendOutcomeUnknown);
  });

  test('is unavailable for reads', async () => {
    await expect(log.read('stream')).rejects.toBeInstanceOf(LogUnavailable);
  });

  test('loses its subscriptions by their silence', async () => {
    await expect(listen(log, 'x', 'start').done).rejects.toThrow(/lost.*200 ms/);
  });

  test('does not keep a subscription whose signal ends it', async () => {
    const patient = new EventStoreDbEventLog({
      url: `esdb://127.0.0.1:${(server.address() as AddressInfo).port}?tls=false`,
    });
    const heard = listen(patient, 'x', 'start');
    await heard.stop();
    expect(heard.signals).toEqual([]);
    await patient.close();
  });
});

test('an append to a server that is not there was certainly not done', async () => {
  const log = new EventStoreDbEventLog({ url: 'esdb://127.0.0.1:1?tls=false' });
  await expect(log.append('stream', [event()], 'none')).rejects.toBeInstanceOf(LogUnavailable);
  await expect(log.read('stream')).rejects.toBeInstanceOf(LogUnavailable);
  await expect(listen(log, 'x', 'start').done).rejects.toBeInstanceOf(LogUnavailable);
  await log.close();
});

describe('a server that works', () => {
  let database: TestDatabase;
  let node: EmbeddedEventStore;
  let log: EventStoreDbEventLog;
  beforeEach(async () => {
    database = await createTestDatabase();
    node = await startEmbeddedEventStore({ databaseUrl: database.url });
    log = new EventStoreDbEventLog({ url: node.url, pageEvents: 10, maxStreamEvents: 25 });
  });
  afterEach(async () => {
    await log.close();
    await node.close();
    await database.drop();
  });

  test('and then ends, ends its subscriptions with an error', async () => {
    const heard = listen(log, 'x', 'start');
    await eventually(() => heard.signals.length > 0);
    await node.close();
    await expect(heard.done).rejects.toBeInstanceOf(LogUnavailable);
  });

  test('gives what is not JSON as text', async () => {
    const client = connect(node.url);
    const broken = {
      ...jsonEvent({ type: 'broken', data: {} }),
      contentType: 'application/octet-stream' as const,
      data: Buffer.from('{"a":'),
    };
    await client.appendToStream('odd', [
      broken,
      binaryEvent({ type: 'binary', data: Buffer.from('bytes'), metadata: Buffer.from('more') }),
    ] as never);
    expect((await log.read('odd')).events).toMatchObject([
      { data: '{"a":', metadata: null },
      { data: 'bytes', metadata: 'more' },
    ]);
    await closeClient(client);
  });

  test('has streams that are too long to be read', async () => {
    await log.append('long', Array.from({ length: 26 }, event), 'none');
    await expect(log.read('long')).rejects.toThrow(/more than 25 events/);
    expect((await log.read('long', 5n)).events).toHaveLength(21);
  });

  test('refuses reads of and appends to a tombstoned stream with StreamTombstoned', async () => {
    const client = connect(node.url);
    await client.tombstoneStream('gone');
    await expect(log.append('gone', [event()], 'none')).rejects.toBeInstanceOf(StreamTombstoned);
    await expect(log.read('gone')).rejects.toBeInstanceOf(StreamTombstoned);
    const page = { direction: 'forwards', from: 0n, limit: 1 } as const;
    await expect(log.readPage('gone', page)).rejects.toThrow('stream gone is damaged: it was tombstoned');
    await closeClient(client);
  });
});
