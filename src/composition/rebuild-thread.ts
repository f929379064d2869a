/** The thread that carries out what is asked of rebuilds, and ends. */
import { parentPort } from 'node:worker_threads';
import { giveWay } from '../infrastructure/system/give-way.js';
import { openProjectionTools } from './projection-tools.js';
import type { FromRebuildThread } from './rebuild-in-thread.js';

giveWay();
const ending = new AbortController();
parentPort?.once('message', () => ending.abort());
const tell = (said: FromRebuildThread) => parentPort?.postMessage(said);

const tools = await openProjectionTools((message, error) =>
  tell({ message, reason: error instanceof Error ? (error.stack ?? error.message) : String(error) }),
);
try {
  await tools.admin.rebuilder.work(ending.signal);
} finally {
  await tools.close();
}
parentPort?.close();
