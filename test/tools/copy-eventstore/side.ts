/** One side of a copy: an embedded node with a database of its own. */
import { EventStoreDBClient } from '@eventstore/db-client';
import { connect } from '../../../src/infrastructure/eventstore/connect.js';
import pg from 'pg';
import {
  startEmbeddedEventStore,
  type EmbeddedEventStoreOptions,
} from '../../../src/infrastructure/embedded-eventstore/index.js';
import { type CopiedEvent, copyLimits } from '../../../src/tools/copy-eventstore/event.js';
import { Runs, CopyWriter } from '../../../src/tools/copy-eventstore/writer.js';
import { Server } from '../../../src/tools/copy-eventstore/server.js';
import { createTestDatabase } from '../../support/postgres.js';
import { closeClient } from '../../infrastructure/embedded-eventstore/server-under-test.js';

export type Side = Readonly<{
  url: string;
  server: Server;
  client: EventStoreDBClient;
  /** Of the database; the node's table is `eventstore.events`. */
  sql(text: string, values?: unknown[]): Promise<Record<string, unknown>[]>;
  /** Appends events as they are. */
  write(events: readonly CopiedEvent[]): Promise<void>;
  stop(): Promise<void>;
}>;

export async function startSide(
  name: 'source' | 'target',
  limits: EmbeddedEventStoreOptions['limits'] = {},
): Promise<Side> {
  const database = await createTestDatabase();
  const node = await startEmbeddedEventStore({ databaseUrl: database.url, limits });
  const [server, client] = [await Server.connect(name, node.url), connect(node.url)];
  const pool = new pg.Pool({ connectionString: database.url, max: 1 });
  return {
    ...{ url: node.url, server, client },
    sql: async (text, values) => (await pool.query<Record<string, unknown>>(text, values)).rows,
    write: async (events) => {
      const writer = new CopyWriter(server, copyLimits);
      const runs = new Runs(writer, copyLimits);
      for (const event of events) await runs.add(event);
      await runs.flush();
      writer.close();
    },
    stop: async () => {
      await pool.end();
      server.close();
      await closeClient(client);
      await node.close();
      await database.drop();
    },
  };
}

/** The options of a copy as its environment where they hold a password, which the command refuses to take as arguments. */
export const asEnvironment = (options: readonly string[]) => {
  const args = [...options];
  const env: Record<string, string> = {};
  for (const side of ['from', 'to']) {
    const at = args.indexOf(`--${side}`);
    if (at < 0 || !args[at + 1]?.includes('@')) continue;
    [, env[`COPY_${side.toUpperCase()}_URL`]] = args.splice(at, 2) as [string, string];
  }
  return { args, env };
};

const uuid = (number: number) => `00000000-0000-4000-8000-${number.toString().padStart(12, '0')}`;

/** Events of `streams` streams, `run` of one and then of the next, with ids that tell their place. */
export const turns = (count: number, streams: number, run = 1): CopiedEvent[] =>
  Array.from({ length: count }, (_, at) => ({
    stream: `turn-${Math.floor(at / run) % streams}`,
    revision: BigInt(Math.floor(at / (run * streams)) * run + (at % run)),
    ...{ id: uuid(at), type: 'Turned' },
    ...{ contentType: 'application/json', data: Buffer.from(JSON.stringify({ at })), metadata: Buffer.from('{}') },
    ...{ position: 0n, recordedAt: new Date(0) },
  }));

export const comparable = (log: readonly CopiedEvent[]) =>
  log
    .filter(({ type }) => type !== '$streamDeleted')
    .map(({ position: _, recordedAt: _at, data, metadata, revision, ...rest }) => ({
      ...{ ...rest, revision: Number(revision) },
      ...{ data: Buffer.from(data).toString('hex'), metadata: Buffer.from(metadata).toString('hex') },
    }));
