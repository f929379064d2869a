import { aborted, runUntilSignal } from './composition/run-until-signal.js';
import { readConfig, startServer } from './composition/server.js';

runUntilSignal(async (signal) => {
  const server = await startServer(readConfig());
  await aborted(signal);
  await server.stop();
  return 0;
});
