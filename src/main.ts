import { aborted, runUntilSignal } from './composition/run-until-signal.js';
import { readConfig, startServer } from './composition/server.js';

runUntilSignal(async (signal) => {
  const server = await startServer(readConfig());
  await Promise.race([aborted(signal), server.failed]);
  await server.stop();
  return signal.aborted ? 0 : 1;
});
