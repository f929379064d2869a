/** The running server of a cluster: found if one runs, started if none does. */
import { spawn } from 'node:child_process';
import { open, readFile, rename, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { reasonOf } from '../../application/runtime/errors.js';
import { PgClient, REQUIRE_AUTH } from '../postgres/session/pg-client.js';
import { type Cluster, SOCKET_PORT } from './cluster.js';
import { type Address, isAlive, isPostmaster, portBefore, readPidFile, removeStalePidFile } from './pid-file.js';
import { SUPERUSER } from './roles.js';
import { StartLock } from './start-lock.js';
import { command } from './runner.js';

const LOOK_EVERY_MS = 50;
const CONNECT_TIMEOUT_MS = 5_000;
const PORT_IS_TAKEN = /could not bind|Address already in use/;
/** Another process was quicker, a killed server's children still hold its memory, or it was ended while it started. */
const MAY_DO_LATER = /lock file|pre-existing shared memory|received \w+ shutdown request/;
/** From then on an operator hears of it. */
const SLOW_START_MS = 10_000;
const LOG_LIMIT_BYTES = 4 * 1024 * 1024;
const LOG_TAIL_CHARS = 2_000;

/** A server that answers, with the connection that proves it. */
export type Server = Readonly<{ pid: number; at: Address; connection: PgClient }>;

export type ServerOptions = Readonly<{
  /** Listens on loopback too, or only, where there are no Unix sockets. */
  tcp: boolean;
  /** Of TCP. */
  port?: number;
  settings: Readonly<Record<string, string>>;
  startTimeoutMs: number;
  log: (line: string) => void;
  /** Called once, where the start takes long. */
  warn: (line: string) => void;
}>;

/** Connects to the cluster's server; starts it when none runs. Of several processes that try, one starts it, all connect. */
export async function findOrStartServer(cluster: Cluster, options: ServerOptions): Promise<Server> {
  const lock = new StartLock(cluster.dir);
  try {
    return await lookOrStart(cluster, options, lock);
  } finally {
    lock.release();
  }
}

async function lookOrStart(cluster: Cluster, options: ServerOptions, lock: StartLock): Promise<Server> {
  const beganAt = Date.now();
  const giveUpAt = beganAt + options.startTimeoutMs;
  let isSlow = false;
  let child: Started | undefined;
  let taken: number | undefined;
  let last: unknown;
  for (;;) {
    const running = await readPidFile(cluster);
    if (running?.at) {
      const { pid, at } = running;
      const answer = await connectAsSuperuser(cluster, at).catch((error: unknown) => error);
      if (answer instanceof PgClient) return { pid, at, connection: answer };
      // Anybody may say so at a port.
      const isWrong = (answer as { code?: string }).code === '28P01';
      if (isWrong && (await isPostmaster(pid, cluster))) throw wrongPassword(cluster, answer);
      last = answer;
    }
    if (child?.ended) {
      const why = await logTail(cluster, child.logOffset);
      if (PORT_IS_TAKEN.test(why) ? options.port !== undefined : !MAY_DO_LATER.test(why)) throw failed(cluster, why);
      if (PORT_IS_TAKEN.test(why)) taken = child.port;
      child = undefined;
    }
    if (!child && !(running && (await isPostmaster(running.pid, cluster)))) {
      if (!lock.isHeld && (await lock.tryTake())) continue; // what was read before may be old
      if (lock.isHeld) child = await startAnew(cluster, options, running?.pid, taken);
    }
    if (!isSlow && Date.now() > beganAt + SLOW_START_MS) {
      isSlow = true;
      options.warn(
        `Waiting up to ${options.startTimeoutMs} ms for Postgres in ${cluster.dir}: ${reasonOf(last ?? 'it starts')}`,
      );
    }
    if (Date.now() > giveUpAt) {
      throw failed(
        cluster,
        `no answer within ${options.startTimeoutMs} ms (${String(last)}); ${await logTail(cluster, 0)}`,
      );
    }
    await delay(LOOK_EVERY_MS);
  }
}

/** Asks the server to end its sessions and stop; if it does not within the limit, ends it at once (it recovers at the next start). */
export async function stopServer(cluster: Cluster, pid: number, timeoutMs: number): Promise<void> {
  for (const signal of ['SIGINT', 'SIGQUIT'] as const) {
    try {
      process.kill(pid, signal);
    } catch {
      return; // already gone
    }
    const giveUpAt = Date.now() + timeoutMs;
    while (Date.now() < giveUpAt) {
      if (!isAlive(pid) || (await readPidFile(cluster))?.pid !== pid) return;
      await delay(LOOK_EVERY_MS);
    }
  }
  throw new Error(`Postgres (process ${pid}, ${cluster.dir}) did not stop within ${2 * timeoutMs} ms`);
}

/** @throws where it is not the server of this cluster, which is sent no password then */
export async function connectAsSuperuser(cluster: Cluster, at: Address, database = SUPERUSER): Promise<PgClient> {
  const client = new PgClient({
    connectionString: urlOf(at, { user: SUPERUSER, password: cluster.password, database }),
    ...{ connectionTimeoutMillis: CONNECT_TIMEOUT_MS, keepAlive: true, application_name: 'workflow-executor-presence' },
  });
  client.on('error', () => undefined); // its 'end' follows, and that is what is listened for
  try {
    await client.connect();
    const { rows } = await client.query<{ data_directory: string }>('show data_directory');
    if (rows[0]?.data_directory === cluster.dir) return client;
    throw new Error(`Port ${at.port} is served by another Postgres (${rows[0]?.data_directory})`);
  } catch (error) {
    await client.end().catch(() => undefined);
    throw error;
  }
}

type Login = Readonly<{ user: string; password: string; database: string }>;

/** By the socket where there is one, unless TCP is asked for. */
export function urlOf(at: Address, { user, password, database }: Login, byTcp = false): string {
  const isByTcp = at.directory === undefined || (byTcp && at.hasTcp);
  const url = new URL(`postgres://${user}:${password}@127.0.0.1:${at.port}/${database}`);
  if (!isByTcp) url.searchParams.set('host', at.directory);
  url.searchParams.set(REQUIRE_AUTH, 'scram-sha-256');
  return url.href;
}

/** A stale file whose number now belongs to another program would make Postgres refuse to start. */
async function startAnew(
  cluster: Cluster,
  options: ServerOptions,
  stale: number | undefined,
  taken: number | undefined,
): Promise<Started> {
  if (stale !== undefined) await removeStalePidFile(cluster, stale);
  return start(cluster, options, await portFor(cluster, options, taken));
}

type Started = { ended: boolean; readonly logOffset: number; readonly port: number };

/** The port that it had before, whichever process starts it: others have connections to it, and will look for it there. */
async function portFor(cluster: Cluster, { tcp, port }: ServerOptions, taken: number | undefined): Promise<number> {
  if (!tcp) return SOCKET_PORT;
  if (port !== undefined) return port;
  const before = await portBefore(cluster);
  return before === undefined || before === taken ? freePort() : before;
}

async function start(cluster: Cluster, options: ServerOptions, port: number): Promise<Started> {
  const settings: Record<string, string> = {
    ...{ listen_addresses: options.tcp ? '127.0.0.1' : '', timezone: 'UTC', log_timezone: 'UTC' },
    // A list, in which names that hold commas or blanks are quoted.
    unix_socket_directories: cluster.sockets === undefined ? '' : `"${cluster.sockets.replaceAll('"', '""')}"`,
    // Clients get their own errors. The log holds the server's life alone, so that it stays small.
    ...{ log_min_messages: 'log', log_min_error_statement: 'panic', log_checkpoints: 'off' },
    ...options.settings,
  };
  const flags = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
  const server = command(
    cluster.runner,
    cluster.postgres,
    ['-D', cluster.dir, '-p', String(port), ...flags],
    cluster.home,
  );
  const path = join(cluster.home, 'server.log');
  const size = await stat(path).then(
    (found) => found.size,
    () => 0,
  );
  if (size > LOG_LIMIT_BYTES) await rename(path, `${path}.1`);
  const output = await open(path, 'a', 0o600);
  try {
    // A session of its own: Ctrl-C in the terminal reaches the application only, which then stops Postgres last.
    // A file, not a pipe: the server outlives a parent that is killed.
    const child = spawn(server.file, server.args, {
      ...server.options,
      detached: true,
      stdio: ['ignore', output.fd, output.fd],
    });
    const started: Started = { ended: false, logOffset: size > LOG_LIMIT_BYTES ? 0 : size, port };
    child.once('exit', () => (started.ended = true));
    child.once('error', () => (started.ended = true));
    child.unref();
    options.log(`Starting Postgres ${options.tcp ? `on 127.0.0.1:${port}` : `in ${cluster.sockets}`}`);
    return started;
  } finally {
    await output.close();
  }
}

async function logTail(cluster: Cluster, offset: number): Promise<string> {
  const written = await readFile(join(cluster.home, 'server.log')).catch(() => Buffer.alloc(0));
  return written.subarray(offset).toString('utf8').slice(-LOG_TAIL_CHARS).trim();
}

const failed = (cluster: Cluster, why: string) =>
  new Error(
    `Postgres did not start in ${cluster.dir}: ${why || `it ended without a word; see ${join(cluster.home, 'server.log')}`}`,
  );

const wrongPassword = (cluster: Cluster, cause: unknown) =>
  new Error(
    `The Postgres in ${cluster.dir} does not take the password in ${join(cluster.home, 'password')}: restore that file`,
    { cause },
  );

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port } = probe.address() as AddressInfo;
  probe.close();
  await once(probe, 'close');
  return port;
}
