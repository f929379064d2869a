/**
 * A Postgres of our own, from binaries in an npm package, for machines that have none.
 *
 * It runs in a session of its own and outlives a killed application; the next start finds it and uses it. Each process
 * that uses it is counted by a shared advisory lock, and the last one to stop takes it down.
 */
import type pg from 'pg';
import { setTimeout as delay } from 'node:timers/promises';
import { isConnectionLoss } from '../postgres/session/pg-client.js';
import { prepareCluster, type Cluster, HAS_SOCKETS } from './cluster.js';
import type { Address } from './pid-file.js';
import { connectAsSuperuser, findOrStartServer, stopServer, urlOf, type Server, type ServerOptions } from './server.js';
import { DATABASE, prepareDatabase, ROLE, SUPERUSER } from './roles.js';

/** In database "postgres": held shared by every process that uses the server. */
const PRESENCE_LOCK = '7205113001';
const RESTART_PAUSE_MS = 500;
const RESTART_PAUSE_LIMIT_MS = 5_000;

type EmbeddedPostgresOptions = Readonly<{
  /** Holds the cluster, its password and its log. Made if missing; give it a directory of its own. */
  dataDir: string;
  /**
   * Listens on loopback too, for programs that need a port. Default: only where there are no Unix sockets (Windows). Ignored
   * when a server already runs on `dataDir`.
   */
  tcp?: boolean;
  /** Of TCP. Default: the one before, or a free one. */
  port?: number;
  log?: (line: string) => void;
  /** What an operator should read: that the start takes long, and why. Default: `log`. */
  warn?: (line: string) => void;
  /** Postgres settings beside the defaults, such as `{ fsync: 'off' }` for throw-away data. */
  settings?: Readonly<Record<string, string>>;
  /** Recovery after a crash is part of a start. Default 120 000. */
  startTimeoutMs?: number;
  /** Default 20 000. */
  stopTimeoutMs?: number;
}>;

type EmbeddedPostgres = Readonly<{
  /** Connection string of the application's database, which its role owns. Holds the password: do not log it. */
  url: string;
  /** The superuser's, for what the application itself never does. Not to be logged either. */
  superuserUrl: string;
  /** Stops the server, unless another process uses it. */
  stop(): Promise<void>;
}>;

/** @throws Error with the reason and what to do, when Postgres cannot be started */
export async function startEmbeddedPostgres(options: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> {
  const {
    log = () => undefined,
    warn = log,
    startTimeoutMs = 120_000,
    stopTimeoutMs = 20_000,
    settings = {},
  } = options;
  const cluster = await prepareCluster(options.dataDir, log);
  const { port, tcp = !HAS_SOCKETS || port !== undefined } = options;
  const serverOptions: ServerOptions = { port, tcp, settings, startTimeoutMs, log, warn };
  let server = await enter(cluster, serverOptions);
  let stopping = false;
  let restarting: Promise<void> | undefined;

  const isByTcp = ({ directory, hasTcp }: Address) => directory === undefined || (tcp && hasTcp);
  const watch = (watched: Server) =>
    watched.connection.once('end', () => {
      if (!stopping) restarting = restart(watched);
    });
  /** The server died under us: the same address again, so that connection pools find it. Tried as long as this process lives. */
  const restart = async (lost: Server) => {
    for (let attempt = 1; !stopping; attempt++) {
      try {
        const found = await enter(cluster, {
          ...serverOptions,
          ...(isByTcp(lost.at) ? { tcp: true, port: lost.at.port } : {}),
        });
        if (stopping) return void (await leave(cluster, found, stopTimeoutMs));
        server = found;
        return void watch(found);
      } catch (error) {
        warn(`Postgres is gone and did not come back (attempt ${attempt}): ${String(error)}`);
        await delay(Math.min(RESTART_PAUSE_LIMIT_MS, RESTART_PAUSE_MS * attempt), undefined, { ref: false });
      }
    }
  };
  watch(server);

  return {
    url: urlOf(server.at, { user: ROLE, password: cluster.rolePassword, database: DATABASE }, tcp),
    superuserUrl: urlOf(server.at, { user: SUPERUSER, password: cluster.password, database: DATABASE }, tcp),
    stop: async () => {
      if (stopping) return;
      stopping = true;
      await restarting; // it may have started the server, and leave it then
      await leave(cluster, server, stopTimeoutMs);
    },
  };
}

async function enter(cluster: Cluster, options: ServerOptions): Promise<Server> {
  const giveUpAt = Date.now() + options.startTimeoutMs;
  for (;;) {
    const server = await findOrStartServer(cluster, options);
    try {
      // Each of the locks is held for moments: who waits longer waits for a process that stands still.
      await server.connection.query(`select set_config('lock_timeout', $1, false)`, [String(options.startTimeoutMs)]);
      await server.connection.query('select pg_advisory_lock_shared($1)', [PRESENCE_LOCK]);
      const connect = (database: string) => connectAsSuperuser(cluster, server.at, database);
      await prepareDatabase(server.connection, cluster.rolePassword, connect);
      loop(server.connection).unref(); // being counted does not keep a process alive
      return server;
    } catch (error) {
      await server.connection.end().catch(() => undefined);
      // The last user stopped the server while we came in: start it again.
      if (!isConnectionLoss(error) || Date.now() > giveUpAt) throw error;
    }
  }
}

async function leave(cluster: Cluster, { connection, pid }: Server, timeoutMs: number): Promise<void> {
  loop(connection).ref();
  const alone = await connection
    .query<{ alone: boolean }>('select pg_try_advisory_lock($1) as alone', [PRESENCE_LOCK])
    .then(({ rows }) => rows[0]?.alone === true)
    .catch(() => false);
  if (alone) await stopServer(cluster, pid, timeoutMs);
  await connection.end().catch(() => undefined);
}

/** `pg` has both methods, its types have not. */
const loop = (connection: pg.Client) => connection as unknown as { ref(): void; unref(): void };
