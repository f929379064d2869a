/** The thread that makes one signed copy and ends. */
import { parentPort, workerData } from 'node:worker_threads';
import { signedCopy, type CopyOrder } from './signed-copy-file.js';

parentPort?.postMessage(await signedCopy(workerData as CopyOrder));
