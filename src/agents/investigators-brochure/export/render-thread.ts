/** The thread that writes one file and ends. */
import { parentPort, workerData } from 'node:worker_threads';
import type { BrochureDocument } from '../document.js';
import type { Format } from '../outline.js';
import { render } from './render.js';

export type RenderOrder = Readonly<{ document: BrochureDocument; format: Format }>;

const { document, format } = workerData as RenderOrder;
parentPort?.postMessage(await render(document, format));
