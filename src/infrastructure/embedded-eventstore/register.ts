/** Which process runs the node of a database, seen from outside. */
import type pg from 'pg';
import { PgClient } from '../postgres/session/pg-client.js';
import { withCredentials } from './wire/credentials.js';
import { WRITER_LOCK } from './storage/storage.js';

const CONNECT_TIMEOUT_MS = 5_000;
const QUERY_TIMEOUT_MS = 5_000;

/** The holder of the writer's lock. A node that was killed leaves its row, but not its lock. */
export type Holder = Readonly<{
  /** With credentials. Undefined as long as the holder has not introduced itself: it is starting. */
  url: string | undefined;
}>;

const LOOK = `
  select n.url
  from pg_locks l
  join pg_database d on d.oid = l.database and d.datname = current_database()
  left join eventstore.node n on n.pid = l.pid
  where l.locktype = 'advisory' and l.classid = 0 and l.objid = $1 and l.objsubid = 1 and l.granted`;

/** Looking does not take the lock: a node may be starting. */
export class NodeRegister {
  private client: pg.Client | undefined;

  constructor(private readonly databaseUrl: string) {}

  /**
   * Undefined where no node runs.
   * @throws Error when the database cannot be reached
   */
  async holder(): Promise<Holder | undefined> {
    const client = await this.connected();
    try {
      const { rows } = await client.query<{ url: string | null }>(LOOK, [WRITER_LOCK]);
      const address = rows[0]?.url;
      if (!rows[0] || !address) return rows[0] && { url: undefined };
      const secrets = await client.query<{ secret: string }>('select secret from eventstore.secret');
      return { url: withCredentials(address, secrets.rows[0]!.secret) };
    } catch (error) {
      const { code = '' } = error as { code?: string };
      if (NEVER_USED.includes(code)) return undefined;
      await this.close();
      throw error;
    }
  }

  async close(): Promise<void> {
    const { client } = this;
    this.client = undefined;
    await client?.end().catch(() => undefined);
  }

  private async connected(): Promise<pg.Client> {
    if (this.client) return this.client;
    const client = new PgClient({
      connectionString: this.databaseUrl,
      application_name: 'embedded-eventstore register',
      connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
      query_timeout: QUERY_TIMEOUT_MS,
      keepAlive: true,
    });
    const forget = () => {
      if (this.client === client) this.client = undefined;
    };
    client.on('error', forget);
    client.on('end', forget);
    await client.connect();
    this.client = client;
    return client;
  }
}

/** The node's tables are not there. */
const NEVER_USED = ['42P01', '3F000', '42703'];

/** The connection string of the node that runs on this database, if one does; with the credentials, so not to be logged. */
export async function findRunningNode(databaseUrl: string): Promise<string | undefined> {
  const register = new NodeRegister(databaseUrl);
  try {
    return (await register.holder())?.url;
  } finally {
    await register.close();
  }
}
