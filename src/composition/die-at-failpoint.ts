/**
 * For trials with real processes: with `FAILPOINT=name[:nth]` the process kills itself at that failpoint, as `kill -9` would.
 * With `:stall` behind the number the whole process stops there until it gets SIGCONT, as on a machine that is suspended.
 */
import { writeSync } from 'node:fs';
import { subscribe } from 'node:diagnostics_channel';
import { failpoints, onFailpoint, type Failpoint } from '../application/runtime/failpoint.js';

type Environment = Readonly<Record<string, string | undefined>>;
type Fate = Readonly<{ name: Failpoint; nth: number; stalls?: true }>;

const MOMENT_MS = 200;

/** Published when the last byte of a request has gone to the socket; the application cannot see that by itself. */
const REQUEST_WRITTEN = 'undici:request:bodySent';

/**
 * Where the process dies or stops, if anywhere. The variable counts only with `NODE_ENV=test`, so that no process dies by
 * accident.
 * @throws Error unless it is the name of a failpoint, with or without the number of the passing that is meant
 */
export const readFailpoint = ({ NODE_ENV, FAILPOINT }: Environment): Fate | null => {
  if (NODE_ENV !== 'test' || !FAILPOINT) return null;
  const [, given, nth = '1', stall] = /^([a-z-]+)(?::([1-9]\d{0,5})(:stall)?)?$/.exec(FAILPOINT) ?? [];
  const name = failpoints.find((known) => known === given);
  if (name) return { name, nth: Number(nth), ...(stall && { stalls: true }) };
  const names = failpoints.join(', ');
  throw new Error(
    `FAILPOINT: expected NAME or NAME:NTH or NAME:NTH:stall with NAME one of ${names}; got "${FAILPOINT}". Mend it`,
  );
};

/** @param log gets a line that says where the process is going to die or to stop */
export const dieAtFailpoint = (env: Environment, log: (line: string) => void): void => {
  const fate = readFailpoint(env);
  if (!fate) return;
  log(`FAILPOINT: this process ${fate.stalls ? 'stands still' : 'kills itself'} at ${fate.name}, passing ${fate.nth}`);
  let left = fate.nth;
  const passed = () => {
    left -= 1;
    if (left !== 0) return;
    if (fate.stalls) standStill(fate.name);
    else process.kill(process.pid, 'SIGKILL');
  };
  if (fate.name === 'request-written') return subscribe(REQUEST_WRITTEN, passed);
  onFailpoint((name) => {
    if (name === fate.name) passed();
  });
};

/** The signal takes a moment to stop all threads: this thread waits for it. */
const standStill = (name: Failpoint): void => {
  writeSync(2, `FAILPOINT: stands still at ${name}\n`);
  process.kill(process.pid, 'SIGSTOP');
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, MOMENT_MS);
};
