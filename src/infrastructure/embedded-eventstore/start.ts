import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { defaultLimits } from './limits.js';
import { runNode, type NodeOptions, type RunningNode } from './node.js';
import { AnotherNodeRuns } from './storage.js';
import type { FromWorker } from './worker.js';

export type EmbeddedEventStoreOptions = NodeOptions;
export type EmbeddedEventStore = RunningNode;

/**
 * Starts the node in a thread of its own, so that its work and the application's do not delay each other. Where the
 * sources run without having been built (tests), there is no file for a thread to load, and it runs in this one.
 *
 * @throws AnotherNodeRuns when another node uses the database; its message says how to connect to that one
 * @throws Error when the database cannot be reached or the port cannot be had
 */
export async function startEmbeddedEventStore(options: EmbeddedEventStoreOptions): Promise<EmbeddedEventStore> {
  const entry = new URL('./worker.js', import.meta.url);
  return existsSync(fileURLToPath(entry)) ? startThread(entry, options) : runNode(options);
}

function startThread(entry: URL, { log, ...options }: EmbeddedEventStoreOptions): Promise<EmbeddedEventStore> {
  const { youngGenerationMegabytes } = { ...defaultLimits, ...options.limits };
  const resourceLimits = { maxYoungGenerationSizeMb: youngGenerationMegabytes };
  const worker = new Worker(entry, { workerData: options, name: 'embedded-eventstore', resourceLimits });
  const exited = new Promise<void>((resolve) => worker.once('exit', () => resolve()));
  return new Promise((resolve, reject) => {
    let closing = false;
    let fail: (error: Error) => void = () => undefined;
    const failed = new Promise<Error>((resolveFailed) => (fail = resolveFailed));
    const close = async () => {
      closing = true;
      worker.postMessage('close');
      await exited;
    };
    const lost = (error: Error) => {
      reject(error);
      if (!closing) fail(error);
    };
    worker.on('error', lost);
    worker.on('exit', (code) => lost(new Error(`The embedded event node's thread ended with code ${code}`)));
    worker.on('message', (message: FromWorker) => {
      if (message.kind === 'log') log?.(message.line);
      if (message.kind === 'ready') {
        const { url, address, secret } = message;
        resolve({ url, address, secret, close, failed });
      }
      if (message.kind === 'failed') lost(new Error(message.reason));
      if (message.kind === 'another-node') reject(new AnotherNodeRuns(message.reason));
    });
  });
}
