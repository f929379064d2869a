/** The node's thread. */
import { parentPort, workerData } from 'node:worker_threads';
import { reasonOf } from '../../application/runtime/errors.js';
import { runNode, type NodeOptions } from './node.js';
import { AnotherNodeRuns } from './storage/storage.js';

export type FromWorker =
  | Readonly<{ kind: 'ready'; url: string; address: string; secret: string }>
  | Readonly<{ kind: 'log'; line: string }>
  | Readonly<{ kind: 'failed' | 'another-node'; reason: string }>;

const post = (message: FromWorker) => parentPort?.postMessage(message);

try {
  const node = await runNode({ ...(workerData as NodeOptions), log: (line) => post({ kind: 'log', line }) });
  post({ kind: 'ready', url: node.url, address: node.address, secret: node.secret });
  void node.failed.then((error) => post({ kind: 'failed', reason: error.message }));
  parentPort?.once('message', () => {
    void node.close().finally(() => process.exit(0));
  });
} catch (error) {
  const reason = reasonOf(error);
  post({ kind: error instanceof AnotherNodeRuns ? 'another-node' : 'failed', reason });
  process.exitCode = 1;
}
