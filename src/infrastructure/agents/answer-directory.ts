import { randomUUID } from 'node:crypto';
import { mkdir, open, readdir, readFile, rename, rm, stat, unlink } from 'node:fs/promises';
import path from 'node:path';
import { AnswerFiles } from '../../application/saga/answers.js';

const SUFFIX = '.json';
const UNFINISHED = '.tmp';

/**
 * One file an answer, for the owner's eyes only. A file has its name from the moment on at which all of it is on the disk; what a
 * process that was killed has left unfinished is removed by the next that lists the directory and finds it a while later.
 */
export class AnswerDirectory extends AnswerFiles {
  constructor(private readonly directory: string) {
    super();
  }

  async list() {
    const files = (await readdir(this.directory).catch(absent)) ?? [];
    await this.removeUnfinished(files.filter((file) => file.endsWith(UNFINISHED)));
    const found: { name: string; bytes: number }[] = [];
    for (const file of files.filter((each) => each.endsWith(SUFFIX))) {
      const stats = await stat(path.join(this.directory, file)).catch(absent);
      if (stats?.isFile()) found.push({ name: file.slice(0, -SUFFIX.length), bytes: stats.size });
    }
    return found;
  }

  async write(name: string, text: string): Promise<void> {
    await mkdir(this.directory, { recursive: true, mode: 0o700 });
    const unfinished = path.join(this.directory, `${name}.${randomUUID()}${UNFINISHED}`);
    try {
      const handle = await open(unfinished, 'wx', 0o600);
      try {
        await handle.writeFile(text);
        await handle.sync();
      } finally {
        await handle.close();
      }
      await rename(unfinished, this.pathOf(name));
    } catch (error) {
      await rm(unfinished, { force: true }).catch(() => undefined);
      throw error;
    }
    await this.syncDirectory();
  }

  async read(name: string): Promise<string | null> {
    return (await readFile(this.pathOf(name), 'utf8').catch(absent)) ?? null;
  }

  async remove(name: string): Promise<void> {
    await unlink(this.pathOf(name)).catch(absent);
  }

  private pathOf(name: string): string {
    return path.join(this.directory, `${name}${SUFFIX}`);
  }

  /** Windows cannot open a directory, and needs no such thing. */
  private async syncDirectory(): Promise<void> {
    if (process.platform === 'win32') return;
    const handle = await open(this.directory, 'r');
    try {
      await handle.sync();
    } finally {
      await handle.close();
    }
  }

  /** By the clock of the file system itself: another process may be writing at this moment. */
  private async removeUnfinished(files: readonly string[]): Promise<void> {
    if (files.length === 0) return;
    const changes = await Promise.all(
      files.map(async (file) => ({ file, at: (await stat(path.join(this.directory, file)).catch(absent))?.mtimeMs })),
    );
    const now = (await stat(this.directory)).mtimeMs;
    for (const { file, at } of changes)
      if (at !== undefined && at < now - ABANDONED_MS) await rm(path.join(this.directory, file), { force: true });
  }
}

const ABANDONED_MS = 60_000;

const absent = (error: unknown): undefined => {
  if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  return undefined;
};
