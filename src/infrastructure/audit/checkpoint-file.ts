import { createReadStream } from 'node:fs';
import { mkdir, open, stat } from 'node:fs/promises';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { OutsideCheckpoints, readCheckpoint, type SignedCheckpoint } from '../../application/audit/checkpoint.js';

/** Longer than any line. */
const TAIL_BYTES = 16 * 1024;

/** One checkpoint a line, as JSON. */
export class CheckpointFile extends OutsideCheckpoints {
  constructor(private readonly file: string) {
    super();
  }

  async last(): Promise<SignedCheckpoint | null> {
    const handle = await open(this.file, 'r+').catch(missing);
    if (!handle) return null;
    try {
      const { size } = await handle.stat();
      const from = Math.max(0, size - TAIL_BYTES);
      const { buffer, bytesRead } = await handle.read(Buffer.alloc(size - from), 0, size - from, from);
      const tail = buffer.subarray(0, bytesRead);
      const end = tail.lastIndexOf('\n') + 1;
      if (from + end < size) await handle.truncate(from + end); // a line that a crash cut short
      const line = tail.subarray(0, end).toString().trimEnd().split('\n').at(-1) ?? '';
      return line === '' ? null : readCheckpoint(JSON.parse(line));
    } catch (error) {
      throw new Error(`${this.file}: expected a signed checkpoint in its last line`, { cause: error });
    } finally {
      await handle.close();
    }
  }

  async append(checkpoints: readonly SignedCheckpoint[]): Promise<void> {
    await mkdir(path.dirname(this.file), { recursive: true, mode: 0o700 });
    const handle = await open(this.file, 'a', 0o600);
    try {
      await handle.appendFile(checkpoints.map((checkpoint) => `${JSON.stringify(checkpoint)}\n`).join(''));
      await handle.sync();
    } finally {
      await handle.close();
    }
  }

  async all(): Promise<AsyncIterable<SignedCheckpoint | string> | null> {
    return (await stat(this.file).catch(missing)) ? lines(this.file) : null;
  }
}

async function* lines(file: string): AsyncGenerator<SignedCheckpoint | string> {
  for await (const line of createInterface({ input: createReadStream(file), crlfDelay: Infinity })) yield read(line);
}

const read = (line: string): SignedCheckpoint | string => {
  try {
    return readCheckpoint(JSON.parse(line));
  } catch {
    return line;
  }
};

const missing = (error: NodeJS.ErrnoException): undefined => {
  if (error.code === 'ENOENT') return undefined;
  throw error;
};
