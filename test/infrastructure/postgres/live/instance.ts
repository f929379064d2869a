/** What an instance has of the read tables: it may write them, follows every change, and streams events to clients. */
import pg from 'pg';
import type { DataSource } from 'typeorm';
import { EventBroadcaster } from '../../../../src/application/live/event-broadcaster.js';
import { DEFAULT_STREAM_LIMITS, type StreamFilter } from '../../../../src/application/live/live-source.js';
import { LiveStreams } from '../../../../src/application/live/live-streams.js';
import type { RowChange } from '../../../../src/application/live/row-changes.js';
import type { RecordedEvent } from '../../../../src/application/log/event-log.js';
import { projections } from '../../../../src/application/projections/index.js';
import type { ProjectionLease, ProjectionWrite } from '../../../../src/application/projections/projection-store.js';
import { readEvent } from '../../../../src/application/projections/projection.js';
import { OwnTransactions } from '../../../../src/infrastructure/postgres/live/own-transactions.js';
import { PostgresLiveSource } from '../../../../src/infrastructure/postgres/live/postgres-live-source.js';
import {
  DEFAULT_ROW_CHANGES_LIMITS,
  PostgresRowChanges,
} from '../../../../src/infrastructure/postgres/live/postgres-row-changes.js';
import { PostgresProjectionSession } from '../../../../src/infrastructure/postgres/projections/postgres-projection-session.js';
import { PostgresProjectionStore } from '../../../../src/infrastructure/postgres/projections/postgres-projection-store.js';
import { DEFAULT_LEASE_LIMITS, HeldConnection } from '../../../../src/infrastructure/postgres/session/lease.js';
import { SystemClock } from '../../../../src/infrastructure/system/clock-and-ids.js';
import { HeldSink } from '../../../application/live/live-world.js';

const TABLES = projections.map(({ table }) => table);
const BEAT_MS = 60_000;

/** @param follows the tables that its clients follow besides the streams */
export const startInstance = async (
  dataSource: DataSource,
  id: string,
  { follows = TABLES, waiting = 1_000 }: Readonly<{ follows?: readonly string[]; waiting?: number }> = {},
) => {
  const clock = new SystemClock();
  const own = new OwnTransactions(id, { waiting });
  const errors: string[] = [];
  const onError = (message: string, error: unknown) => void errors.push(`${message}: ${String(error)}`);
  const limits = { ...DEFAULT_ROW_CHANGES_LIMITS, pauseMs: 10 };
  const changes = new PostgresRowChanges(dataSource, clock, limits, onError, own);
  await changes.start();
  const seen: RowChange[] = [];
  const missed: string[] = [];
  changes.follow({ changed: (change) => seen.push(change), missed: (why) => missed.push(why) });
  const interest = changes.interest(follows);
  await interest.begun;
  const source = new PostgresLiveSource(dataSource);
  const hub = new EventBroadcaster(changes, source, clock, DEFAULT_STREAM_LIMITS, onError);
  hub.start();
  const streams = new LiveStreams(hub, source, DEFAULT_STREAM_LIMITS);
  const clients: Readonly<{ leave: () => void; gone: Promise<unknown> }>[] = [];
  return {
    ...{ own, changes, seen, missed, errors, interest },
    tryLead: () => new PostgresProjectionStore(dataSource, DEFAULT_LEASE_LIMITS, own).tryLead(),
    /** Resolves when the client is followed live. */
    stream: (filter: StreamFilter): HeldSink => {
      const sink = new HeldSink();
      const stream = streams.ofMany(filter, sink);
      clients.push({ leave: () => stream.stop(), gone: stream.run(null, null) });
      return sink;
    },
    stop: async () => {
      for (const { leave } of clients) leave();
      await Promise.all(clients.map(({ gone }) => gone));
      await hub.stop();
      await changes.stop();
    },
  };
};

export type Instance = Awaited<ReturnType<typeof startInstance>>;

/** A session that writes the read tables, without the lease. @param aroundCommit is called in place of the commit */
export const sessionAround = async (
  dataSource: DataSource,
  own: OwnTransactions,
  aroundCommit: (commit: () => Promise<unknown>, cut: () => void) => Promise<unknown>,
): Promise<ProjectionLease> => {
  const client = new pg.Client({ connectionString: (dataSource.options as { url: string }).url, pipeline: true });
  await client.connect();
  const query = client.query.bind(client) as (...asked: unknown[]) => Promise<unknown>;
  const { connection } = client as unknown as { connection: { stream: { destroy: () => void } } };
  const cut = () => connection.stream.destroy();
  const watched = (...asked: unknown[]) =>
    asked[0] === 'commit' ? aroundCommit(() => query(...asked), cut) : query(...asked);
  return new PostgresProjectionSession(
    new HeldConnection(Object.assign(client, { query: watched }), BEAT_MS),
    dataSource,
    own,
  );
};

/** As the runner takes events into all tables. @param isLate it does not move the checkpoint */
export const writesOf = (events: readonly RecordedEvent[], isLate = false): ProjectionWrite[] =>
  projections.map((projection) => ({
    ...{ projection: projection.table, version: projection.version, poisoned: [], healed: [] },
    changes: events.flatMap((event) => projection.project(readEvent(event))),
    checkpoint: isLate ? null : { position: events.at(-1)!.position, lastEventAt: null },
  }));

/** All but the times of the changes, as text: the order of the columns counts too. */
export const shownOf = (changes: readonly RowChange[]): string[] =>
  changes.map(({ table, type, key, record, late }) => JSON.stringify({ table, type, key, record, late }));

export const endSessions = (dataSource: DataSource, name: string): Promise<unknown> =>
  dataSource.query(
    `select pg_terminate_backend(pid) from pg_stat_activity where application_name = $1 and datname = current_database()`,
    [name],
  );
