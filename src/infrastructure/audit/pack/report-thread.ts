/** The thread that writes one report and ends. */
import { parentPort, workerData } from 'node:worker_threads';
import type { PackReport } from '../../../application/audit/pack/audit-pack.js';
import { reportFile } from './report-file.js';

parentPort?.postMessage(await reportFile(workerData as PackReport));
