import { dieAtFailpoint } from './composition/die-at-failpoint.js';
import { aborted, runUntilSignal } from './composition/run-until-signal.js';
import { readConfig, startServer } from './composition/server.js';
import { keepHeapSmall, leaveYoungToThreads } from './infrastructure/system/heap.js';

runUntilSignal(async (signal) => {
  dieAtFailpoint(process.env, (line) => void process.stderr.write(`${line}\n`));
  const config = readConfig();
  leaveYoungToThreads();
  const server = await startServer(config, { signal });
  keepHeapSmall(config.heapRoomBytes);
  await aborted(signal);
  await server.stop();
  return 0;
});
