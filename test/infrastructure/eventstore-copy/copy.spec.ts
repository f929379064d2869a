import { binaryEvent, EventStoreDBClient, jsonEvent } from '@eventstore/db-client';
import { startEmbeddedEventStore } from '../../../src/infrastructure/embedded-eventstore/index.js';
import { copyLog } from '../../../src/infrastructure/eventstore-copy/copy.js';
import type { CopiedEvent } from '../../../src/infrastructure/eventstore-copy/event.js';
import { Server } from '../../../src/infrastructure/eventstore-copy/server.js';
import { CopyWriter } from '../../../src/infrastructure/eventstore-copy/writer.js';
import { createTestDatabase } from '../../support/postgres.js';
import { closeClient, collect, events } from '../embedded-eventstore/server-under-test.js';

type Side = { server: Server; client: EventStoreDBClient; stop(): Promise<void> };

async function startSide(): Promise<Side> {
  const database = await createTestDatabase();
  const node = await startEmbeddedEventStore({ databaseUrl: database.url });
  const [server, client] = [await Server.connect(node.url), EventStoreDBClient.connectionString(node.url)];
  const stop = async () => {
    server.close();
    await closeClient(client);
    await node.close();
    await database.drop();
  };
  return { server, client, stop };
}

const RAW: CopiedEvent = {
  ...{ stream: 'odd', id: '11111111-2222-4333-8444-555555555555', type: 'Odd', contentType: 'application/json' },
  ...{ data: Buffer.from('{ "a" : 1.0, '), metadata: Buffer.from([0, 255]), revision: 0n, position: 0n },
};

const comparable = (log: readonly CopiedEvent[]) =>
  log
    .filter(({ type }) => type !== '$streamDeleted')
    .map(({ stream, id, type, contentType, data, metadata, revision }) =>
      [
        stream,
        revision,
        id,
        type,
        contentType,
        Buffer.from(data).toString('hex'),
        Buffer.from(metadata).toString('hex'),
      ].join(),
    );
const isUser = (event: CopiedEvent) => !event.stream.startsWith('$');

describe('a copy of a log', () => {
  let [source, target] = [{} as Side, {} as Side];
  const copy = () => copyLog(source.server, target.server, () => undefined);

  beforeEach(async () => {
    [source, target] = [await startSide(), await startSide()];
    const { client } = source;
    await client.appendToStream('gone', events(2));
    await client.appendToStream('deleted', events(2));
    await client.appendToStream('Prüfung-日本', [jsonEvent({ type: 'Ü', data: { text: 'ä' }, metadata: { by: 'é' } })]);
    await client.appendToStream('binary', binaryEvent({ type: 'Bytes', data: Buffer.from([0, 1, 255]) }));
    await client.appendToStream('binary', binaryEvent({ type: 'Empty', data: Buffer.alloc(0) }));
    await client.appendToStream('links', binaryEvent({ type: '$>', data: Buffer.from('1@binary') }));
    await client.setStreamMetadata('binary', { maxCount: 1, custom: 'kept' });
    await client.deleteStream('deleted');
    await client.appendToStream('deleted', events(1));
    await client.tombstoneStream('gone');
    const writer = new CopyWriter(source.server);
    await writer.append([RAW]);
    await writer.drained();
    writer.close();
  });
  afterEach(async () => {
    await source.stop();
    await target.stop();
  });

  test('has every event as it was, in the same order; a second copy writes nothing', async () => {
    await copy();
    const [wanted, found] = [await collect(source.server.log()), await collect(target.server.log())];
    expect(comparable(found.filter(isUser))).toEqual(comparable(wanted.filter(isUser)));
    expect(comparable(found).sort()).toEqual(comparable(wanted).sort());
    await expect(target.client.appendToStream('gone', events(1))).rejects.toMatchObject({ type: 'stream-deleted' });
    expect(await collect(target.client.readStream('deleted'))).toHaveLength(1);
    expect(await copy()).toBe(0);
  });

  test('goes on where one was interrupted', async () => {
    const writer = new CopyWriter(target.server);
    const log = (await collect(source.server.log())).filter(isUser).filter(({ type }) => type !== '$streamDeleted');
    for (const event of log.slice(0, 3)) await writer.append([event]);
    await writer.drained();
    writer.close();
    expect(await copy()).toBe((await collect(source.server.log())).length - 3);
    expect(await copy()).toBe(0);
  });

  test('refuses a target with other events, and names the stream', async () => {
    await target.client.appendToStream('foreign', events(1));
    await expect(copy()).rejects.toThrow(/stream "gone": expected .* found "foreign" revision 0/);
  });

  test('names the stream that was written to after a copy', async () => {
    await copy();
    await target.client.appendToStream('links', events(1));
    await expect(copy()).rejects.toThrow(/stream "links": expected nothing, found "links" revision 1/);
  });
});
