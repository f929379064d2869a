/** The thread that reads JSON, one text after the other. */
import { parentPort } from 'node:worker_threads';
import { carryOut, type JsonOrder, type JsonResult } from './json-order.js';

parentPort?.on('message', ({ asked, bytes }: Readonly<{ asked: JsonOrder; bytes: Uint8Array }>) => {
  const result = carryOut(asked, bytes);
  parentPort?.postMessage(result, filesIn(result));
});

/** Files are handed over and not copied. */
const filesIn = (result: JsonResult): ArrayBuffer[] => {
  const reply = result.kind === 'answer' && result.read.kind === 'reply' ? result.read.reply : undefined;
  const report =
    result.kind === 'body' && result.read.report?.type === 'complete' ? result.read.report.reply : undefined;
  const { artifacts } = reply?.success ? reply : (report ?? { artifacts: [] });
  const buffers = artifacts
    .filter(({ content }) => content.byteLength === content.buffer.byteLength)
    .map(({ content }) => content.buffer as ArrayBuffer);
  return [...new Set(buffers)];
};
