import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  isPostmaster,
  readPidFile,
  removeStalePidFile,
} from '../../../src/infrastructure/embedded-postgres/pid-file.js';

const STALE = 4_000_001;
const contents = (pid: number, dir: string) =>
  [pid, dir, 1_763_800_000, 5_432, '/run/here', '', '1 2', 'ready', ''].join('\n');

describe("the server's pid file", () => {
  let dir: string;
  let file: string;
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'workflow-executor-pid-'));
    file = join(dir, 'postmaster.pid');
  });
  afterEach(() => rm(dir, { recursive: true, force: true }));

  it('goes where it names the process that is not the server', async () => {
    await writeFile(file, contents(STALE, dir));
    await removeStalePidFile({ dir }, STALE);
    expect(await readdir(dir)).toEqual([]);
    await removeStalePidFile({ dir }, STALE); // another process was quicker
  });

  it('stays where another process has started the server in the meantime', async () => {
    await writeFile(file, contents(process.pid, dir));
    await removeStalePidFile({ dir }, STALE);
    expect(await readFile(file, 'utf8')).toBe(contents(process.pid, dir));
    expect(await readdir(dir)).toEqual(['postmaster.pid']);
  });

  it('is whole again after many processes took the server for gone at once', async () => {
    await writeFile(file, contents(process.pid, dir));
    await Promise.all(Array.from({ length: 20 }, () => removeStalePidFile({ dir }, STALE)));
    expect(await readPidFile({ dir })).toEqual({
      pid: process.pid,
      at: { directory: '/run/here', hasTcp: false, port: 5_432 },
    });
    expect(await readdir(dir)).toEqual(['postmaster.pid']);
  });

  it('names a server by the arguments of its process, whatever directory that is in', async () => {
    const idle = ['-e', 'setInterval(() => {}, 1000)', '--', '-D'];
    const [own, other] = [dir, `${dir}-2`].map((data) => spawn(process.execPath, [...idle, data], { stdio: 'ignore' }));
    try {
      await Promise.all([once(own!, 'spawn'), once(other!, 'spawn')]);
      expect(await isPostmaster(own!.pid!, { dir })).toBe(true);
      expect(await isPostmaster(other!.pid!, { dir })).toBe(false);
      expect(await isPostmaster(process.pid, { dir })).toBe(false);
    } finally {
      for (const child of [own!, other!]) child.kill('SIGKILL');
    }
  });
});
