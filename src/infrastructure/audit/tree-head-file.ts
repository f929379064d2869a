import { createReadStream } from 'node:fs';
import { mkdir, open, stat, type FileHandle } from 'node:fs/promises';
import path from 'node:path';
import { failpoint } from '../../application/runtime/failpoint.js';
import {
  treeHeadHash,
  type OutsideTreeHeads,
  readTreeHead,
  type SignedTreeHead,
} from '../../application/audit/signed-tree-head.js';

/** Longer than many lines. */
const TAIL_BYTES = 16 * 1024;
const NEW_LINE = 0x0a;

/** The checkpoints of the last lines, and where the last of them ends. */
type Tail = Readonly<{ heads: readonly SignedTreeHead[]; end: number; size: number }>;

/**
 * One tree head a line, as JSON. Each line is written to the one place that it can have, right behind the line before it,
 * and is the same whichever process writes it: so a process that comes late, after any time, writes what stands there already.
 */
export class TreeHeadFile implements OutsideTreeHeads {
  constructor(private readonly file: string) {}

  async last(): Promise<SignedTreeHead | null> {
    const handle = await open(this.file, 'r').catch(missing);
    if (!handle) return null;
    try {
      return latest((await this.tail(handle)).heads);
    } finally {
      await handle.close();
    }
  }

  async append(heads: readonly SignedTreeHead[]): Promise<void> {
    const handle = await this.openOrMake();
    try {
      const { heads: stored, end, size } = await this.tail(handle);
      const last = latest(stored)?.number ?? -1;
      for (const head of heads) this.mustBeSame(stored, head);
      const missing = heads.filter(({ number }) => number > last);
      if (missing.length === 0) return;
      if (missing[0]!.number !== last + 1) {
        const what = `${this.file}: expected checkpoint ${missing[0]!.number - 1} in its last line, got ${last}`;
        throw new Error(`${what}. Was it changed? It is brought up to the log again`);
      }
      const text = Buffer.from(missing.map((head) => `${JSON.stringify(head)}\n`).join(''));
      failpoint('checkpoint-line-placed');
      await this.mustBeFree(handle, text, end, Math.max(0, size - end));
      await handle.write(text, 0, text.byteLength, end);
      await handle.sync();
    } finally {
      await handle.close();
    }
  }

  async all(): Promise<AsyncIterable<SignedTreeHead | string> | null> {
    return (await stat(this.file).catch(missing)) ? lines(this.file) : null;
  }

  /** `r+`, not `a`: with the latter a place cannot be chosen. */
  private async openOrMake(): Promise<FileHandle> {
    const found = await open(this.file, 'r+').catch(missing);
    if (found) return found;
    await mkdir(path.dirname(this.file), { recursive: true, mode: 0o700 });
    // Only makes it, and does not empty what another has made meanwhile.
    await (await open(this.file, 'a', 0o600)).close();
    return open(this.file, 'r+');
  }

  private async tail(handle: FileHandle): Promise<Tail> {
    const { size } = await handle.stat();
    const from = Math.max(0, size - TAIL_BYTES);
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(size - from), 0, size - from, from);
    const read = buffer.subarray(0, bytesRead);
    const end = read.lastIndexOf(NEW_LINE) + 1;
    const whole = read.subarray(from === 0 ? 0 : read.indexOf(NEW_LINE) + 1, end).toString();
    const found = whole === '' ? [] : whole.trimEnd().split('\n').map(readLine);
    const last = found.at(-1);
    if (typeof last === 'string')
      throw new Error(`${this.file}: expected a signed checkpoint in its last line, got "${last.slice(0, 80)}"`);
    const heads = found.filter((each) => typeof each !== 'string');
    return { heads, end: from + end, size: from + bytesRead };
  }

  private mustBeSame(stored: readonly SignedTreeHead[], head: SignedTreeHead): void {
    const same = stored.find(({ number }) => number === head.number);
    if (!same || treeHeadHash(same) === treeHeadHash(head)) return;
    throw new Error(`${this.file}: expected checkpoint ${head.number} as the log has it, got another`);
  }

  /** What a crash cut short, or another is writing at this moment, is no line and may be written over. */
  private async mustBeFree(handle: FileHandle, text: Buffer, end: number, started: number): Promise<void> {
    const { buffer, bytesRead } = await handle.read(
      Buffer.alloc(Math.max(text.byteLength, started)),
      0,
      Math.max(text.byteLength, started),
      end,
    );
    const there = buffer.subarray(0, bytesRead);
    const isSame = there.equals(text.subarray(0, there.byteLength));
    const isLate = there.byteLength >= text.byteLength && there.subarray(0, text.byteLength).equals(text);
    if (isSame || isLate || !there.includes(NEW_LINE)) return;
    throw new Error(`${this.file}: another line stands where the next one belongs. It is read again`);
  }
}

const latest = (heads: readonly SignedTreeHead[]): SignedTreeHead | null =>
  heads.reduce<SignedTreeHead | null>((a, b) => (a && a.number > b.number ? a : b), null);

async function* lines(file: string): AsyncGenerator<SignedTreeHead | string> {
  let rest = '';
  for await (const chunk of createReadStream(file, { encoding: 'utf8' }) as AsyncIterable<string>) {
    const parts = `${rest}${chunk}`.split('\n');
    rest = parts.pop()!;
    for (const line of parts) yield readLine(line);
  }
  const last = readLine(rest);
  if (typeof last !== 'string') yield last;
}

/** The text itself, where it is no tree head. */
const readLine = (line: string): SignedTreeHead | string => {
  try {
    return readTreeHead(JSON.parse(line));
  } catch {
    return line;
  }
};

const missing = (error: NodeJS.ErrnoException): undefined => {
  if (error.code === 'ENOENT') return undefined;
  throw error;
};
