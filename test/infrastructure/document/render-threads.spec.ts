import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { BrochureDocument } from '../../../src/infrastructure/document/document.js';
import { RenderThreads } from '../../../src/infrastructure/document/export/threads.js';

const limits = { threads: 1, waiting: 1, timeoutMs: 10_000, heapMb: 64 };
const order = { document: {} as BrochureDocument, format: 'pdf' as const };

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'threads-'));
});
afterEach(() => rm(directory, { recursive: true, force: true }));

const program = async (body: string): Promise<URL> => {
  const file = join(directory, 'thread.mjs');
  await writeFile(file, `import { parentPort, workerData } from 'node:worker_threads';\n${body}`);
  return pathToFileURL(file);
};

test('a thread gets the order and gives the bytes', async () => {
  const threads = new RenderThreads(await program('parentPort.postMessage(Buffer.from(workerData.format));'), limits);
  expect(Buffer.from(await threads.render(order)).toString()).toBe('pdf');
});

test('one file is written at once, one waits, and one more is refused to be tried again', async () => {
  const threads = new RenderThreads(await program('parentPort.postMessage(Buffer.from("x"));'), limits);
  const answers = await Promise.allSettled([threads.render(order), threads.render(order), threads.render(order)]);
  expect(answers.map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled', 'rejected']);
  expect(answers[2]).toMatchObject({ reason: { type: 'transient', code: 'EXPORT_BUSY' } });
  await expect(threads.render(order)).resolves.toBeDefined();
});

test.each([
  ['fails', 'throw new Error("no ink");', 'no ink'],
  ['ends without a word', '', 'its thread ended with code 0'],
  ['needs too much memory', 'const all = []; for (;;) all.push(new Array(1e5).fill({}));', 'memory'],
])('a thread that %s is a transient error, and its place is free again', async (_, body, message) => {
  const entry = await program(body);
  const threads = new RenderThreads(entry, limits);
  for (let attempt = 0; attempt < 2; attempt += 1)
    await expect(threads.render(order)).rejects.toMatchObject({
      type: 'transient',
      code: 'EXPORT_FAILED',
      message: expect.stringContaining(message),
    });
});

test('a thread that takes too long is ended', async () => {
  const threads = new RenderThreads(await program('setInterval(() => {}, 1000);'), { ...limits, timeoutMs: 200 });
  await expect(threads.render(order)).rejects.toMatchObject({ message: expect.stringContaining('longer than 200 ms') });
});
