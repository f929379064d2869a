/** How Postgres answers the queries of the list and of one execution: the statements are those that the application makes. */
import type { DataSource } from 'typeorm';
import { createDataSource } from '../../src/infrastructure/postgres/data-source.js';
import { PostgresReadModel } from '../../src/infrastructure/postgres/queries/postgres-read-model.js';
import { storedName } from '../peers/work.mjs';

type Plan = Readonly<{ what: string; plan: string }>;
type Statement = Readonly<{ sql: string; parameters: unknown[] }>;

export const explain = async (databaseUrl: string, executionId: string): Promise<readonly Plan[]> => {
  const dataSource = await createDataSource({ url: databaseUrl, poolSize: 2 });
  try {
    const readModel = new PostgresReadModel(dataSource);
    const page = { cursor: null, limit: 50, checkpoints: false };
    const asked: readonly (readonly [string, () => Promise<unknown>])[] = [
      ['list', () => readModel.executions({}, page)],
      ['list, state=completed', () => readModel.executions({ state: 'completed' }, page)],
      ['list, project_id', () => readModel.executions({ projectId: storedName(0) }, page)],
      ['get with steps and events', () => readModel.overview(executionId, { steps: true, events: { limit: 1_000 } })],
    ];
    const plans: Plan[] = [];
    for (const [what, ask] of asked)
      for (const { sql, parameters } of await statements(dataSource, ask)) {
        const rows: { 'QUERY PLAN': string }[] = await dataSource.query(
          `explain (analyze, timing off, buffers off, summary off) ${sql}`,
          parameters,
        );
        plans.push({ what, plan: rows.map((row) => row['QUERY PLAN']).join('\n') });
      }
    return plans;
  } finally {
    await dataSource.destroy();
  }
};

const statements = async (dataSource: DataSource, ask: () => Promise<unknown>): Promise<readonly Statement[]> => {
  const seen: Statement[] = [];
  const { logger } = dataSource;
  const logQuery = (sql: string, parameters: unknown[] = []) =>
    void (/^select/i.test(sql) && seen.push({ sql, parameters }));
  dataSource.logger = Object.assign(Object.create(logger) as typeof logger, { logQuery });
  await ask();
  dataSource.logger = logger;
  return seen;
};
