import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { KeptThreads, type KeptThreadLimits } from '../../src/infrastructure/system/threads.js';
import { eventually } from '../support/eventually.js';

const LIMITS: KeptThreadLimits = {
  ...{ threads: 1, waiting: 1, timeoutMs: 20_000, heapMb: 64, waitingBytes: 1_000, idleMs: 60_000 },
};
const PROGRAM = `
  import { parentPort, threadId } from 'node:worker_threads';
  parentPort.on('message', ({ asked, bytes }) => {
    if (asked === 'fail') throw new Error('no ink');
    if (asked === 'leave') process.exit(0);
    if (asked === 'hang') for (;;);
    if (asked === 'fill') { const all = []; for (;;) all.push(new Array(1e5).fill({})); }
    parentPort.postMessage({ thread: threadId, bytes: bytes.byteLength });
  });`;

type Given = Readonly<{ thread: number; bytes: number }>;
const unbuilt = (): Given => {
  throw new Error('there is a file');
};

let directory: string;
let threads: KeptThreads<string, Given>;
const start = async (limits: Partial<KeptThreadLimits> = {}) => {
  const file = join(directory, 'thread.mjs');
  await writeFile(file, PROGRAM);
  threads = new KeptThreads(pathToFileURL(file), { ...LIMITS, ...limits }, unbuilt);
};
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'threads-'));
});
afterEach(async () => {
  await threads.close();
  await rm(directory, { recursive: true, force: true });
});
const ask = (asked: string, bytes = 10) => threads.run(asked, new Uint8Array(bytes));

test('a thread does its orders in turn', async () => {
  await start();
  const [first, second] = [await ask('count'), await ask('count', 20)];
  expect([first.bytes, second.bytes]).toEqual([10, 20]);
  expect(second.thread).toBe(first.thread);
});

test('a thread that has nothing to do ends, and another begins with the next order', async () => {
  await start({ idleMs: 10 });
  const { thread } = await ask('count');
  await eventually(async () => (await ask('count')).thread !== thread, { deadlineMs: 30_000 });
});

test('an order that comes while its thread ends waits for the next thread, and is not lost with it', async () => {
  await start({ idleMs: 1 });
  const given: Given[] = [];
  for (let turn = 0; turn < 20; turn++) {
    given.push(await ask('count'));
    // The timer that ends the idle thread is due in this turn of the event loop: the order comes right behind it.
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  expect(given).toHaveLength(20);
});

test('one order more than may wait is refused, and so is one with too many bytes', async () => {
  await start({ waiting: 2 });
  const asked = [ask('count'), ask('count', 900), ask('count', 200), ask('count', 10), ask('count', 10)];
  const given = await Promise.allSettled(asked);
  expect(given.map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled', 'rejected', 'fulfilled', 'rejected']);
  expect(given[2]).toMatchObject({ reason: { code: 'BUSY' } });
});

test.each([
  ['fail', 'no ink'],
  ['leave', 'its thread ended with code 0'],
  ['hang', 'it took longer than 1000 ms'],
  ['fill', 'memory'],
])('an order that makes its thread %s is refused, and the next has a thread again', async (asked, message) => {
  await start({ timeoutMs: asked === 'hang' ? 1_000 : 30_000 });
  const [bad, good] = [ask(asked), ask('count')];
  await expect(bad).rejects.toMatchObject({ code: 'FAILED', message: expect.stringContaining(message) });
  if (asked !== 'hang') expect((await good).bytes).toBe(10);
  else await Promise.allSettled([good]);
});

test('closing refuses what waits and cuts off what is under way', async () => {
  await start();
  const asked = Promise.allSettled([ask('hang'), ask('count')]);
  await threads.close();
  expect((await asked).map(({ status }) => status)).toEqual(['rejected', 'rejected']);
  await expect(ask('count')).rejects.toMatchObject({ code: 'BUSY' });
});
