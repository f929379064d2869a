/** Read tables in a real Postgres, with their runner, for the specs beside it. */
import type { DataSource } from 'typeorm';
import { projections } from '../../../src/application/projections/index.js';
import type { Projection } from '../../../src/application/projections/projection.js';
import type { ProjectionStore } from '../../../src/application/projections/projection-store.js';
import {
  DEFAULT_RUNNER_LIMITS,
  ProjectionRunner,
  type RunnerLimits,
} from '../../../src/application/projections/runner.js';
import type { EventLog, RecordedEvent } from '../../../src/application/log/event-log.js';
import { createDataSource } from '../../../src/infrastructure/postgres/data-source.js';
import { PostgresProjectionStore } from '../../../src/infrastructure/postgres/projections/postgres-projection-store.js';
import { SystemClock } from '../../../src/infrastructure/system/system-clock.js';
import { SystemIds } from '../../../src/infrastructure/system/system-ids.js';
import { EXECUTIONS } from '../../application/projections/random-history.js';
import { eventually } from '../../support/eventually.js';
import { createTestDatabase } from '../../support/postgres.js';

export type TestTables = Readonly<{ dataSource: DataSource; close: () => Promise<void> }>;

/** @param isSuperuser where a test forces row level security on the tables, which would bind their owner */
export const openTables = async (isSuperuser = false): Promise<TestTables> => {
  const database = await createTestDatabase();
  const dataSource = await createDataSource({ url: isSuperuser ? database.superuserUrl : database.url, poolSize: 4 });
  return {
    dataSource,
    close: async () => {
      await dataSource.destroy();
      await database.drop();
    },
  };
};

export type TestRunner = ProjectionRunner & Readonly<{ errors: string[] }>;

export const runnerOf = (
  log: EventLog,
  store: ProjectionStore,
  more: Readonly<{ limits?: Partial<RunnerLimits>; list?: readonly Projection[] }> = {},
): TestRunner => {
  const errors: string[] = [];
  const limits = { ...DEFAULT_RUNNER_LIMITS, leadPauseMs: 20, ...more.limits };
  const ports = { store, log, clock: new SystemClock(), ids: new SystemIds() };
  const told = (message: string, error: unknown) => errors.push(`${message}: ${String(error)}`);
  return Object.assign(new ProjectionRunner(ports, more.list ?? projections, limits, told), { errors });
};

export const empty = async (dataSource: DataSource): Promise<void> => {
  const names = dataSource.entityMetadatas.map(({ tableName }) => tableName);
  await dataSource.query(`truncate ${names.join(', ')}`);
};

/** Runs until everything in the log is in the tables. */
export const catchUp = async (log: EventLog, dataSource: DataSource, batch?: number): Promise<void> => {
  const runner = runnerOf(log, new PostgresProjectionStore(dataSource), { limits: batch ? { batch } : {} });
  runner.start();
  try {
    await eventually(() => runner.status().caughtUp);
  } finally {
    await runner.stop();
  }
};

export const historyOf = async (log: EventLog): Promise<RecordedEvent[]> => {
  const streams = await Promise.all(EXECUTIONS.map((id) => log.read(`workflow-${id}`)));
  return streams.flatMap(({ events }) => events).sort((a, b) => (a.position < b.position ? -1 : 1));
};

/** The rows as TypeORM reads them, by table; those of a table in no particular order. */
export const rowsOf = async (dataSource: DataSource): Promise<Record<string, object[]>> => {
  const read = async ({ table }: Projection) => {
    const entity = dataSource.entityMetadatas.find(({ tableName }) => tableName === table)!;
    const rows = await dataSource.getRepository(entity.target).find();
    return [table, rows.map((row) => ({ ...row })).sort(byText)] as const;
  };
  return Object.fromEntries(await Promise.all(projections.map(read)));
};

export const byText = (a: object, b: object): number => (rowKey(a) < rowKey(b) ? -1 : 1);

const rowKey = (row: object): string => {
  const { id, execution_id, revision } = row as Record<string, string>;
  return `${execution_id ?? ''} ${id} ${revision}`;
};
