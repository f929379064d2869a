/** For trials with real processes: `FAILPOINT=name[:nth]` lets this one kill itself there, as `kill -9` would. */
import { subscribe } from 'node:diagnostics_channel';
import { failpoints, onFailpoint, type Failpoint } from '../application/failpoint.js';

type Environment = Readonly<Record<string, string | undefined>>;
type Death = Readonly<{ name: Failpoint; nth: number }>;

/** Published when the last byte of a request has gone to the socket; the application cannot see that by itself. */
const REQUEST_WRITTEN = 'undici:request:bodySent';

/**
 * Where to die, if anywhere. Without `NODE_ENV=test` the variable counts for nothing: nobody dies of it by accident.
 * @throws Error where it is not the name of a failpoint, with the number of the passing that is meant or without
 */
export const readFailpoint = ({ NODE_ENV, FAILPOINT }: Environment): Death | null => {
  if (NODE_ENV !== 'test' || !FAILPOINT) return null;
  const [, given, nth = '1'] = /^([a-z-]+)(?::([1-9]\d{0,5}))?$/.exec(FAILPOINT) ?? [];
  const name = failpoints.find((one) => one === given);
  if (name) return { name, nth: Number(nth) };
  const names = failpoints.join(', ');
  throw new Error(`FAILPOINT: expected NAME or NAME:NTH with NAME one of ${names}; got "${FAILPOINT}". Mend it`);
};

/** @param tell hears that the process is going to die, and where */
export const dieAtFailpoint = (env: Environment, tell: (line: string) => void): void => {
  const death = readFailpoint(env);
  if (!death) return;
  tell(`FAILPOINT: this process kills itself at ${death.name}, passing ${death.nth}`);
  let left = death.nth;
  const passed = () => {
    left -= 1;
    if (left === 0) process.kill(process.pid, 'SIGKILL');
  };
  if (death.name === 'request-written') return subscribe(REQUEST_WRITTEN, passed);
  onFailpoint((name) => {
    if (name === death.name) passed();
  });
};
