import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { OneShotThreads } from '../../src/infrastructure/system/threads.js';

const limits = { threads: 1, waiting: 1, timeoutMs: 10_000, heapMb: 64 };
const order = { format: 'pdf' };
const unbuilt = () => Promise.reject(new Error('there is a file'));

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
  const threads = new OneShotThreads(
    await program('parentPort.postMessage(Buffer.from(workerData.format));'),
    limits,
    unbuilt,
  );
  expect(Buffer.from(await threads.run(order)).toString()).toBe('pdf');
});

test('one file is written at once, one waits, and one more is refused to be tried again', async () => {
  const threads = new OneShotThreads(await program('parentPort.postMessage(Buffer.from("x"));'), limits, unbuilt);
  const answers = await Promise.allSettled([threads.run(order), threads.run(order), threads.run(order)]);
  expect(answers.map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled', 'rejected']);
  expect(answers[2]).toMatchObject({ reason: { code: 'BUSY' } });
  await expect(threads.run(order)).resolves.toBeDefined();
});

test.each([
  ['fails', 'throw new Error("no ink");', 'no ink'],
  ['ends without a word', '', 'its thread ended with code 0'],
  ['needs too much memory', 'const all = []; for (;;) all.push(new Array(1e5).fill({}));', 'memory'],
])('a thread that %s is a transient error, and its place is free again', async (_, body, message) => {
  const entry = await program(body);
  const threads = new OneShotThreads(entry, limits, unbuilt);
  for (let attempt = 0; attempt < 2; attempt += 1)
    await expect(threads.run(order)).rejects.toMatchObject({
      code: 'FAILED',
      message: expect.stringContaining(message),
    });
});

test('a thread that takes too long is ended', async () => {
  const threads = new OneShotThreads(
    await program('setInterval(() => {}, 1000);'),
    { ...limits, timeoutMs: 200 },
    unbuilt,
  );
  await expect(threads.run(order)).rejects.toMatchObject({ message: expect.stringContaining('longer than 200 ms') });
});
