/** The events of an in-memory log as the embedded node stores them, for what reads its table. */
import { randomUUID } from 'node:crypto';
import { keepPlace } from '../../../src/application/log/recorded-place.js';
import { StoredStreams } from '../../../src/infrastructure/embedded-eventstore/index.js';
import { connected } from '../../../src/infrastructure/postgres/session/pg-client.js';
import type { InMemoryEventLog } from '../../../src/testing/in-memory.event-log.js';
import type { TestTables } from './read-tables.js';

const UUID = /^[0-9a-f-]{36}$/;
const TABLE = `
  create schema if not exists eventstore;
  create table if not exists eventstore.events (
    position bigint primary key, stream text collate "C" not null, revision bigint not null, id uuid not null,
    type text not null, json boolean not null, created bigint not null, data bytea not null, metadata bytea not null,
    unique (stream, revision)
  );
  truncate eventstore.events`;

export const storeEvents = async ({ dataSource }: TestTables, log: InMemoryEventLog): Promise<StoredStreams> => {
  await dataSource.query(TABLE);
  for (const event of await log.page('start', 1_000_000)) {
    const { position, stream, revision, type, recordedAt, data, movedFrom } = event;
    const bytes = Buffer.from(JSON.stringify(event.metadata));
    const metadata = movedFrom === undefined ? bytes : keepPlace(bytes, true, { position: movedFrom, recordedAt });
    const id = UUID.test(event.id) ? event.id : randomUUID();
    await dataSource.query(
      `insert into eventstore.events (position, stream, revision, id, type, json, created, data, metadata)
       values ($1, $2, $3, $4, $5, true, $6, $7, $8)`,
      [
        ...[String(position), stream, String(revision), id, type, recordedAt.getTime()],
        ...[Buffer.from(JSON.stringify(data)), metadata],
      ],
    );
  }
  return new StoredStreams(
    () => connected(dataSource, 'test'),
    () => Promise.resolve(true),
  );
};
