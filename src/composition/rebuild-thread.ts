/** The thread that carries out the orders for rebuilds, and ends. */
import { parentPort } from 'node:worker_threads';
import { isLogAway, LogMismatch } from '../application/log/event-log.js';
import { reasonOf } from '../application/runtime/errors.js';
import { giveWay } from '../infrastructure/system/give-way.js';
import type { FromRebuildThread } from './projections.js';
import { openProjectionTools } from './read-tables.js';

giveWay();
const ending = new AbortController();
parentPort?.once('message', () => ending.abort());
const report = (failure: FromRebuildThread) => parentPort?.postMessage(failure);

const tools = await openProjectionTools((message, error) => {
  // The instance says so itself.
  if (error instanceof LogMismatch) return;
  const { stack, code } = (error ?? {}) as Readonly<{ stack?: string; code?: string }>;
  report({ message, reason: reasonOf(error), stack, code, isOfTheLog: isLogAway(error) });
});
try {
  await tools.admin.rebuilder.work(ending.signal);
} finally {
  await tools.close();
}
parentPort?.close();
