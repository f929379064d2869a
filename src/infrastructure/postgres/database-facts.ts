/** What `workflow doctor` wants to know of a database. Reads alone: no table is made, and no migration is run. */
import type { DatabaseFacts } from '../../application/doctor/findings.js';
import type { LogMemory } from '../../application/log/log-identity.js';
import { PostgresLogMemory } from './log/postgres-log-memory.js';
import { migrations } from './migrations/index.js';
import { PgClient } from './session/pg-client.js';

const FACTS = `
  select current_setting('server_version_num')::int as version, current_database() as name, current_user as user,
    coalesce(has_schema_privilege(current_schema(), 'CREATE'), false) as may_create,
    pg_is_in_recovery() or current_setting('transaction_read_only') = 'on' as is_read_only,
    to_regclass('migrations') is not null as has_migrations, to_regclass('log_identity') is not null as has_log,
    extract(epoch from clock_timestamp()) * 1000 as now`;

type Row = Readonly<{
  version: number;
  name: string;
  user: string;
  may_create: boolean;
  is_read_only: boolean;
  has_migrations: boolean;
  has_log: boolean;
  now: string;
}>;

export type LookedAt = Readonly<{
  facts: DatabaseFacts;
  /** Null where the database was never used. */
  memory: Awaited<ReturnType<LogMemory['read']>> | null;
}>;

/** @param now milliseconds, by this machine's clock */
export const lookAtDatabase = async (url: string, timeoutMs: number, now: () => number): Promise<LookedAt> => {
  const client = new PgClient({
    ...{ connectionString: url, application_name: 'workflow-doctor' },
    ...{ connectionTimeoutMillis: timeoutMs, query_timeout: timeoutMs },
  });
  client.on('error', () => undefined); // its statements say so
  try {
    await client.connect();
    const asked = now();
    const { rows } = await client.query<Row>(FACTS);
    const answered = now();
    const [row] = rows as [Row];
    const names = row.has_migrations
      ? (await client.query<{ name: string }>('select name from migrations')).rows.map(({ name }) => name)
      : [];
    const known = new Set(migrations.map(({ name }) => name));
    const memory = row.has_log
      ? await new PostgresLogMemory({ query: async (sql: string) => (await client.query(sql)).rows as never }).read()
      : null;
    const facts = {
      ...{ version: row.version, name: row.name, user: row.user },
      ...{ mayCreate: row.may_create, isReadOnly: row.is_read_only },
      unknownMigrations: names.filter((name) => !known.has(name)).length,
      skewMs: Number(row.now) - (asked + answered) / 2,
      roundTripMs: answered - asked,
    };
    return { facts, memory };
  } finally {
    await client.end().catch(() => undefined);
  }
};
