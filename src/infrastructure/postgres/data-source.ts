import { randomBytes } from 'node:crypto';
import type pg from 'pg';
import { DataSource, MigrationExecutor, type QueryRunner } from 'typeorm';
import { PgClient, setTimes } from './session/pg-client.js';
import { migrations } from './migrations/index.js';
import {
  ApiKeyUse,
  Artifact,
  Worker,
  InstallationSecret,
  KnownLog,
  RateLimitCount,
} from './entities/operational.entities.js';
import { SessionRow, UsedSignIn } from './entities/access.entities.js';
import { AuditCheckpoint, AuditLeaf, AuditNode } from './entities/audit-tree.entities.js';
import {
  ProjectionCheckpoint,
  ProjectionDrift,
  ProjectionLate,
  ProjectionOrder,
  ProjectionPoison,
  ProjectionSkipped,
} from './entities/projection.entities.js';
import { WebhookCursor, WebhookDelivery, WebhookLane, Webhook, WebhookSecret } from './entities/webhook.entities.js';
import { DamagedHistoryRow, WorkflowEventRow, WorkflowExecution, WorkflowStep } from './entities/workflow.entities.js';

const entities = [
  WorkflowExecution,
  WorkflowStep,
  WorkflowEventRow,
  DamagedHistoryRow,
  ProjectionCheckpoint,
  ProjectionPoison,
  ProjectionOrder,
  ProjectionSkipped,
  ProjectionDrift,
  ProjectionLate,
  Artifact,
  Worker,
  InstallationSecret,
  KnownLog,
  ApiKeyUse,
  RateLimitCount,
  AuditLeaf,
  AuditNode,
  AuditCheckpoint,
  Webhook,
  WebhookSecret,
  WebhookDelivery,
  WebhookLane,
  WebhookCursor,
  SessionRow,
  UsedSignIn,
];

/** Makes the read tables followable through Supabase Realtime, where the database is one of Supabase's. */

const PUBLICATION = 'supabase_realtime';
/** The role of users who have signed in. */
const READER = 'authenticated';
const READ_TABLES = ['workflow_executions', 'workflow_steps', 'workflow_events'];
const POLICY = 'workflows_may_be_read';

type Publication = Readonly<{ of_all_tables: boolean; is_ours: boolean }>;
type Table = Readonly<{ name: string; is_secured: boolean; is_published: boolean; has_policies: boolean }>;

/**
 * Does nothing where there is no publication `supabase_realtime`. The user that runs this owns the tables, so that its
 * own row level security does not bind it. What was set up once is left as operators have changed it since.
 * @returns what the database's operator has to do, in sentences
 */
const setUpSupabase = async (dataSource: DataSource, queryRunner: QueryRunner): Promise<readonly string[]> => {
  const [publication] = (await queryRunner.query(
    `select puballtables as of_all_tables, pg_has_role(current_user, pubowner, 'usage') as is_ours
     from pg_publication where pubname = $1`,
    [PUBLICATION],
  )) as Publication[];
  if (!publication) return [];
  await queryRunner.startTransaction();
  try {
    const left = await setUpTables(queryRunner, publication, [...namesOf(dataSource), 'migrations']);
    await queryRunner.commitTransaction();
    return left;
  } catch (error) {
    await queryRunner.rollbackTransaction();
    throw error;
  }
};

const namesOf = (dataSource: DataSource): readonly string[] =>
  dataSource.entityMetadatas.map(({ tableName }) => tableName);

const setUpTables = async (
  queryRunner: QueryRunner,
  publication: Publication,
  names: readonly string[],
): Promise<readonly string[]> => {
  const left: string[] = [];
  const [reader] = (await queryRunner.query('select from pg_roles where rolname = $1', [READER])) as unknown[];
  for (const table of await tablesOf(queryRunner, names)) {
    // Supabase's HTTP API shows every table of the schema to everybody, but for those with row level security.
    if (!table.is_secured) await queryRunner.query(`alter table ${table.name} enable row level security`);
    if (!READ_TABLES.includes(table.name)) continue;
    const isFollowed = publication.of_all_tables || table.is_published;
    if (isFollowed && table.is_secured) continue;
    if (reader && !table.has_policies) {
      await queryRunner.query(`create policy ${POLICY} on ${table.name} for select to ${READER} using (true)`);
      await queryRunner.query(`grant select on ${table.name} to ${READER}`);
    }
    if (isFollowed) continue;
    const add = `alter publication ${PUBLICATION} add table ${table.name}`;
    if (publication.is_ours) await queryRunner.query(add);
    else
      left.push(`Supabase Realtime does not follow ${table.name} yet: as the owner of the publication, run "${add}"`);
  }
  return left;
};

/** Names of tables are those of this version's entities: nothing in them needs quoting. */
const tablesOf = (queryRunner: QueryRunner, names: readonly string[]): Promise<Table[]> =>
  queryRunner.query(
    `select relname as name, relrowsecurity as is_secured,
       exists (select from pg_policy where polrelid = pg_class.oid) as has_policies,
       exists (select from pg_publication_rel join pg_publication on pg_publication.oid = prpubid
               where prrelid = pg_class.oid and pubname = $2) as is_published
     from pg_class
     where relnamespace = current_schema()::regnamespace and relkind = 'r' and relname = any($1) order by relname`,
    [names, PUBLICATION],
  ) as Promise<Table[]>;

const MIGRATION_LOCK = '7205113002';

/**
 * Brings the tables up to this version, all or nothing. Instances that start at once take turns.
 * @returns what the database's operator has to do, in sentences
 * @throws when another instance holds the lock for longer than `waitMs`
 */
export const migrate = async (dataSource: DataSource, waitMs = 60_000): Promise<readonly string[]> => {
  const queryRunner = dataSource.createQueryRunner();
  try {
    const [before] = (await queryRunner.query(
      `select current_setting('lock_timeout') as lock, current_setting('statement_timeout') as statement`,
    )) as { lock: string; statement: string }[];
    await setTimeouts(queryRunner, `${waitMs}ms`, '0');
    await queryRunner.query('select pg_advisory_lock($1)', [MIGRATION_LOCK]);
    let left: readonly string[];
    try {
      const executor = new MigrationExecutor(dataSource, queryRunner);
      executor.transaction = 'all';
      await executor.executePendingMigrations();
      left = await setUpSupabase(dataSource, queryRunner);
    } finally {
      await queryRunner.query('select pg_advisory_unlock($1)', [MIGRATION_LOCK]);
    }
    await setTimeouts(queryRunner, before!.lock, before!.statement);
    return left;
  } finally {
    await queryRunner.release();
  }
};

const setTimeouts = (queryRunner: QueryRunner, lock: string, statement: string): Promise<unknown> =>
  queryRunner.query(`select set_config('lock_timeout', $1, false), set_config('statement_timeout', $2, false)`, [
    lock,
    statement,
  ]);

type DataSourceSettings = Readonly<{
  /** postgres://user:password@host:port/database */
  url: string;
  poolSize: number;
  /** Default 30 000. */
  statementTimeoutMs?: number;
  /** Default 10 000. */
  connectTimeoutMs?: number;
  /** What the server shows for our connections. */
  applicationName?: string;
  /** Gets what the database's own operator has to do, in a sentence. */
  tell?: (line: string) => void;
}>;

/**
 * Connected, with its tables up to date. Its rows: `entities/`.
 * @throws Error without the connection string, which holds the password
 */
export const createDataSource = async (settings: DataSourceSettings): Promise<DataSource> => {
  const { url, poolSize, statementTimeoutMs = 30_000, connectTimeoutMs = 10_000 } = settings;
  const dataSource = new DataSource({
    type: 'postgres',
    url: checked(url),
    poolSize,
    connectTimeoutMS: connectTimeoutMs,
    applicationName: settings.applicationName ?? 'workflow-executor',
    entities,
    migrations,
    synchronize: false,
    logging: false,
    // A connection that dies while nothing uses it is replaced when one is needed; that is no reason to end the process.
    poolErrorHandler: () => undefined,
    extra: {
      Client: PgClient,
      onConnect: (client: pg.Client) =>
        setTimes(client, { statement: statementTimeoutMs, idleInTransaction: statementTimeoutMs }),
      keepAlive: true,
    },
  });
  await dataSource.initialize();
  try {
    for (const line of await migrate(dataSource)) settings.tell?.(line);
    return dataSource;
  } catch (error) {
    await dataSource.destroy();
    throw error;
  }
};

/** The URL parser's own error would repeat what it was given. */
const checked = (url: string): string => {
  const protocol = URL.canParse(url) ? new URL(url).protocol : 'no URL';
  if (protocol === 'postgres:' || protocol === 'postgresql:') return url;
  throw new Error(`The database: expected postgres://user:password@host:port/database, got ${protocol}`);
};

const BYTES = 32;

/** The secret of that name: the same for all instances on this database, and after every restart. */
export const installationSecret = async (dataSource: DataSource, name: string): Promise<Buffer> => {
  await dataSource.query(
    'insert into installation_secrets (name, value) values ($1, $2) on conflict (name) do nothing',
    [name, randomBytes(BYTES)],
  );
  const rows: { value: Buffer }[] = await dataSource.query('select value from installation_secrets where name = $1', [
    name,
  ]);
  const value = rows[0]?.value;
  if (value?.byteLength !== BYTES) throw new Error(`Expected a secret "${name}" of ${BYTES} bytes in the database`);
  return value;
};
