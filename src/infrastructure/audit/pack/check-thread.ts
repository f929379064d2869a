/** The thread that checks one pack and ends. */
import { parentPort, workerData } from 'node:worker_threads';
import { checkPack, type PackToCheck } from './check-pack.js';

const checked = await checkPack(workerData as PackToCheck);
parentPort?.postMessage(checked, [checked.content.buffer as ArrayBuffer]);
