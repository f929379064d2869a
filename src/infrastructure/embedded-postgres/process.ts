/** What the operating system knows of a cluster's server: its process and its port. */
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { readFile, readlink } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Cluster } from './cluster.js';

/** Where a server listens: with a socket in a directory, at a port of loopback, or both. The number is that of both. */
export type Address = Readonly<{ directory: string | undefined; hasTcp: boolean; port: number }>;
/** `at`: undefined as long as it does not listen. */
export type Recorded = Readonly<{ pid: number; at: Address | undefined }>;

export async function readPidFile(cluster: Cluster): Promise<Recorded | undefined> {
  const lines = (await readFile(join(cluster.dir, 'postmaster.pid'), 'utf8').catch(() => '')).split('\n');
  const [pid, port] = [Number(lines[0]), Number(lines[3])];
  if (!(pid > 0 && port > 0)) return undefined;
  const [directory, host] = [lines[4]?.trim() || undefined, lines[5]?.trim()];
  // Written one after the other as it begins to listen; the address of TCP comes first.
  const isListening = lines.length > 6 && (directory !== undefined || host);
  return { pid, at: isListening ? { directory, hasTcp: !!host, port } : undefined };
}

/** Of its last start; undefined where it never was started. */
export async function portBefore(cluster: Cluster): Promise<number | undefined> {
  const options = await readFile(join(cluster.dir, 'postmaster.opts'), 'utf8').catch(() => '');
  const port = Number(/"-p" "(\d+)"/.exec(options)?.[1]);
  return port > 0 ? port : undefined;
}

export async function isPostmaster(pid: number, cluster: Cluster): Promise<boolean> {
  if (!isAlive(pid)) return false;
  if (process.platform === 'linux') {
    return readlink(`/proc/${pid}/cwd`).then(
      (cwd) => cwd === cluster.dir,
      () => false,
    );
  }
  if (process.platform === 'win32') return true;
  const ps = await promisify(execFile)('ps', ['-p', String(pid), '-o', 'args=']).catch(() => ({ stdout: '' }));
  return ps.stdout.includes(cluster.dir);
}

export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

export async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port } = probe.address() as AddressInfo;
  probe.close();
  await once(probe, 'close');
  return port;
}
