/** What `workflow doctor` wants to know of files and of the port. Nothing is made. */
import { constants } from 'node:fs';
import { access, stat, statfs } from 'node:fs/promises';
import { connect } from 'node:net';
import path from 'node:path';
import { request } from 'node:http';
import type { Disk, Port } from '../../application/doctor/findings.js';

const WRITABLE = constants.W_OK | constants.X_OK;
const OF_OTHERS = 0o022;

const codeOf = (error: unknown): string => (error as NodeJS.ErrnoException).code ?? String(error);

/** The folder itself, or the nearest one above it that exists, in which it would be made. */
const nearest = async (folder: string): Promise<string> => {
  try {
    await stat(folder);
    return folder;
  } catch (error) {
    const above = path.dirname(folder);
    if (codeOf(error) !== 'ENOENT' || above === folder) throw error;
    return nearest(above);
  }
};

export const lookAtFolder = async (folder: string): Promise<Disk> => {
  try {
    const found = await nearest(folder);
    const { mode, isDirectory } = await stat(found).then((stats) => ({
      mode: stats.mode,
      isDirectory: stats.isDirectory(),
    }));
    const { bavail, bsize } = await statfs(found);
    const facts = { path: folder, isOpen: found === folder && (mode & OF_OTHERS) !== 0, freeBytes: bavail * bsize };
    if (!isDirectory) return { ...facts, problem: `${found} is not a folder` };
    await access(found, WRITABLE);
    return { ...facts, problem: null };
  } catch (error) {
    return { path: folder, problem: codeOf(error), isOpen: false, freeBytes: 0 };
  }
};

/** @returns why a file cannot be read; null where it can */
export const whyUnreadable = (file: string): Promise<string | null> =>
  access(file, constants.R_OK).then(() => null, codeOf);

const PORT_TIMEOUT_MS = 2_000;

/** An address of all is asked on loopback. */
const reachable = (host: string): string => ({ '0.0.0.0': '127.0.0.1', '::': '::1' })[host] ?? host;

export const lookAtPort = async (host: string, port: number): Promise<Port> => {
  const address = `${host}:${port}`;
  const at = { host: reachable(host), port };
  if (port === 0 || !(await listens(at))) return { address, listener: 'none' };
  return { address, listener: (await isOurs(at)) ? 'this application' : 'something else' };
};

type At = Readonly<{ host: string; port: number }>;

const listens = (at: At): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect({ ...at, timeout: PORT_TIMEOUT_MS });
    const end = (answer: boolean) => {
      socket.destroy();
      resolve(answer);
    };
    socket
      .once('connect', () => end(true))
      .once('timeout', () => end(false))
      .once('error', () => end(false));
  });

const MOST_BYTES = 4_096;

const isOurs = (at: At): Promise<boolean> =>
  new Promise((resolve) => {
    const options = { ...at, path: '/health/live', agent: false, timeout: PORT_TIMEOUT_MS };
    const asking = request(options, (answer) => {
      let text = '';
      answer.on('data', (chunk: Buffer) => {
        text += chunk.toString();
        if (text.length > MOST_BYTES) asking.destroy();
      });
      answer.once('end', () => resolve(answer.statusCode === 200 && /"success":true|"status"/.test(text)));
    });
    const end = () => {
      asking.destroy();
      resolve(false);
    };
    asking
      .once('timeout', end)
      .once('error', end)
      .once('close', () => resolve(false))
      .end();
  });
