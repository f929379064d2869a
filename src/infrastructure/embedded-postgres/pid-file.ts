/** What a cluster's files and the operating system know of its server: its process and where it listens. */
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { link, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import type { Cluster } from './cluster.js';

/** Where a server listens: with a socket in a directory, at a port of loopback, or both. The number is that of both. */
export type Address = Readonly<{ directory: string | undefined; hasTcp: boolean; port: number }>;
/** `at`: undefined as long as it does not listen. */
type Recorded = Readonly<{ pid: number; at: Address | undefined }>;
type Home = Pick<Cluster, 'dir'>;

const PUT_BACK_LIMIT_MS = 5_000;
const PUT_BACK_EVERY_MS = 20;

const pidFile = ({ dir }: Home): string => join(dir, 'postmaster.pid');

export async function readPidFile(cluster: Home): Promise<Recorded | undefined> {
  const lines = (await readFile(pidFile(cluster), 'utf8').catch(() => '')).split('\n');
  const [pid, port] = [Number(lines[0]), Number(lines[3])];
  if (!(pid > 0 && port > 0)) return undefined;
  const [directory, host] = [lines[4]?.trim() || undefined, lines[5]?.trim()];
  // Written one after the other as it begins to listen; the address of TCP comes first.
  const isListening = lines.length > 6 && (directory !== undefined || host);
  return { pid, at: isListening ? { directory, hasTcp: !!host, port } : undefined };
}

/**
 * Removes the file where it still names process `pid`, which is not the server. Another process may have started the server since
 * the caller read the file, and a server without its file ends itself: its file is put back.
 */
export async function removeStalePidFile(cluster: Home, pid: number): Promise<void> {
  const file = pidFile(cluster);
  const aside = `${file}.${randomBytes(6).toString('hex')}`;
  try {
    await rename(file, aside);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
    throw error;
  }
  const named = parseInt(await readFile(aside, 'utf8'), 10);
  if (named !== pid) await putBack(aside, file);
  await rm(aside);
}

/** A server that starts in this moment may have made a file of its own. It finds the other one's memory in use and ends. */
async function putBack(aside: string, file: string): Promise<void> {
  for (const giveUpAt = Date.now() + PUT_BACK_LIMIT_MS; ; await delay(PUT_BACK_EVERY_MS)) {
    try {
      return await link(aside, file);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
      if (Date.now() > giveUpAt) return;
    }
  }
}

/** Of its last start; undefined where it never was started. */
export async function portBefore(cluster: Home): Promise<number | undefined> {
  const options = await readFile(join(cluster.dir, 'postmaster.opts'), 'utf8').catch(() => '');
  const port = Number(/"-p" "(\d+)"/.exec(options)?.[1]);
  return port > 0 ? port : undefined;
}

/**
 * By its arguments: any process may read those. What else would tell, its working directory, is closed to root in a container, as
 * that has no right to trace the processes of another user.
 */
export async function isPostmaster(pid: number, cluster: Home): Promise<boolean> {
  if (!isAlive(pid)) return false;
  if (process.platform === 'win32') return true;
  if (process.platform === 'linux') {
    const args = (await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')).split('\0');
    return args[args.indexOf('-D') + 1] === cluster.dir;
  }
  const ps = await promisify(execFile)('ps', ['-p', String(pid), '-o', 'args=']).catch(() => ({ stdout: '' }));
  return ps.stdout.includes(cluster.dir);
}

/** A process that has ended, but whose parent has not heard of it, counts as alive. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
