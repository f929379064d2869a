import type pg from 'pg';
import { DataSource } from 'typeorm';
import { entities } from './entities/index.js';
import { migrate } from './migrate.js';
import { PgClient } from './session/pg-client.js';
import { migrations } from './migrations/index.js';
import { setTimes } from './session/session-settings.js';

export type DataSourceSettings = Readonly<{
  /** postgres://user:password@host:port/database */
  url: string;
  poolSize: number;
  /** Default 30 000. */
  statementTimeoutMs?: number;
  /** Default 10 000. */
  connectTimeoutMs?: number;
  /** What the server shows for our connections. */
  applicationName?: string;
  /** Is told what the database's own operator has to do, in a sentence. */
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
    // A connection that dies while nobody uses it is replaced when one is needed; that is no reason to end the process.
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
