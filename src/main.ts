import { aborted, calledAs, readCommandLine, runUntilSignal } from './composition/run-until-signal.js';
import { refuseFewFiles } from './infrastructure/system/open-files.js';

const USAGE = `Usage: ${calledAs('serve')}
Serves the API until SIGINT or SIGTERM. It takes no arguments: settings come from the environment and .env (docs/settings.md).
The exit code is 0 where it was ended, 1 where it could not start or failed, 2 for wrong usage.`;

runUntilSignal(async (signal) => {
  if (!readCommandLine(USAGE, {})) return 0;
  refuseFewFiles();
  // Only now: to load the rest takes more open files than a small limit allows.
  const { dieAtFailpoint } = await import('./composition/die-at-failpoint.js');
  const { readConfig, startServer } = await import('./composition/server.js');
  const { keepHeapSmall, leaveYoungToThreads } = await import('./infrastructure/system/heap.js');
  dieAtFailpoint(process.env, (line) => void process.stderr.write(`${line}\n`));
  const config = readConfig();
  leaveYoungToThreads();
  const server = await startServer(config, { signal });
  keepHeapSmall({ leastBytes: config.heapRoomBytes, mostBytes: config.heapMaxRoomBytes });
  await aborted(signal);
  await server.stop();
  return 0;
});
