import type { OnError } from '../application/runtime/errors.js';
/** Rebuilds take the processor for minutes: in a thread of their own they keep no request waiting. */
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import type { DataSource } from 'typeorm';
import { REBUILD_POOL } from '../infrastructure/config/connections.js';

/** What the thread says before it ends. */
export type FromRebuildThread = Readonly<{ message: string; reason: string }>;

/** For a transaction that is under way when the application ends; then the thread is cut off, and the next one goes on. */
const STOP_MS = 8_000;
const ENTRY = new URL('./rebuild-thread.js', import.meta.url);

/**
 * Does what is to be done, and resolves when the thread has ended. It reads the settings as this process does, but for
 * the database, which this one may have started itself.
 * @returns undefined where the sources run without having been built (tests): there is no file for a thread to load
 */
export const rebuildThread = (
  { options }: DataSource,
  onError: OnError,
): ((signal: AbortSignal) => Promise<void>) | undefined => {
  if (!existsSync(fileURLToPath(ENTRY)) || options.type !== 'postgres' || !options.url) return undefined;
  const env = { ...process.env, DATABASE_URL: options.url, DATABASE_POOL_SIZE: String(REBUILD_POOL) };
  return (signal) =>
    new Promise((resolve, reject) => {
      if (signal.aborted) return resolve();
      const worker = new Worker(ENTRY, { env, name: 'rebuild' });
      let cutOff: NodeJS.Timeout | undefined;
      const stop = () => {
        worker.postMessage('stop');
        cutOff = setTimeout(() => void worker.terminate(), STOP_MS);
      };
      signal.addEventListener('abort', stop, { once: true });
      worker.on('message', ({ message, reason }: FromRebuildThread) => onError(message, reason));
      worker.once('error', reject);
      worker.once('exit', (code) => {
        clearTimeout(cutOff);
        signal.removeEventListener('abort', stop);
        if (code === 0 || signal.aborted) resolve();
        else reject(new Error(`The thread of the rebuild ended with code ${code}`));
      });
    });
};
