import { dieAtFailpoint } from './composition/die-at-failpoint.js';
import { aborted, runUntilSignal } from './composition/run-until-signal.js';
import { readConfig, startServer } from './composition/server.js';

runUntilSignal(async (signal) => {
  dieAtFailpoint(process.env, (line) => void process.stderr.write(`${line}\n`));
  const server = await startServer(readConfig());
  await aborted(signal);
  await server.stop();
  return 0;
});
