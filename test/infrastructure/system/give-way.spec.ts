import { getPriority } from 'node:os';
import { platform } from 'node:process';
import { Worker } from 'node:worker_threads';

/** Runs in a worker: the built code, as a thread has no loader of TypeScript. */
const SAY = `
  import { readlinkSync } from 'node:fs';
  import { parentPort } from 'node:worker_threads';
  import { giveWay } from '${new URL('../../../dist/infrastructure/system/give-way.js', import.meta.url).href}';
  giveWay();
  let thread = 0;
  try { thread = Number(readlinkSync('/proc/thread-self').split('/').at(-1)); } catch {}
  parentPort.postMessage(thread);
  parentPort.once('message', () => parentPort.close());`;

test('a thread gives way, and the others of the process do not', async () => {
  const before = getPriority();
  const worker = new Worker(new URL(`data:text/javascript,${encodeURIComponent(SAY)}`));
  const thread = await new Promise<number>((resolve, reject) => worker.once('message', resolve).once('error', reject));
  if (platform === 'linux') expect(getPriority(thread)).toBe(Math.min(19, Math.max(before, 10)));
  expect(getPriority()).toBe(before);
  const ended = new Promise((resolve) => worker.once('exit', resolve));
  worker.postMessage('end');
  await ended;
});
