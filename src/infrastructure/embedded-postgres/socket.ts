/** Where the server of a cluster listens: in a folder that only its own user can enter, so that what answers there is it. */
import { randomBytes } from 'node:crypto';
import { chmod, chown, lstat, mkdir, mkdtemp, readFile, rename, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Runner } from './runner.js';

/** Of a socket's file with its path: 104 bytes on macOS and 108 on Linux, the one at the end included. */
const MOST_BYTES = 103;
/** Part of the socket's file name; nothing listens on it. */
export const SOCKET_PORT = 5432;
const LONGEST_NAME = `.s.PGSQL.${SOCKET_PORT}`;
/** Whether there are Unix sockets that Node can connect to. */
export const HAS_SOCKETS = process.platform !== 'win32';

/** `run` in the cluster's own directory; where that path is too long for a socket, a short one that is recorded there. */
export async function socketDirectory(home: string, runner: Runner): Promise<string> {
  const own = join(home, 'run');
  if (fits(own)) {
    await mkdir(own, { recursive: true, mode: 0o700 });
    await close(own, runner);
    return own;
  }
  const record = join(home, 'socket-directory');
  const recorded = (await readFile(record, 'utf8').catch(() => '')).trim();
  if (recorded && (await isClosed(recorded, runner))) return recorded;
  const base = [tmpdir(), '/tmp'].find((one) => fits(join(one, 'wfx-123456')));
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
