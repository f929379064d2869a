/** The thread that hashes stored events, one page after the other. */
import { parentPort } from 'node:worker_threads';
import { hashRows } from './hash-rows.js';
import type { StoredRow } from './stored-log.js';

parentPort?.on('message', ({ asked }: Readonly<{ asked: readonly StoredRow[] }>) => {
  const result = hashRows(asked);
  parentPort?.postMessage(result, [result.leafHashes.buffer as ArrayBuffer]);
});
