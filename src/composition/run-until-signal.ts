/** What the programs of this package have in common: they run, end on SIGINT or SIGTERM, and print why a start failed. */
import { reasonOf } from '../application/runtime/errors.js';
import { EXIT_USAGE, UsageError } from '../infrastructure/system/command-line.js';
import { descriptorsShort } from '../infrastructure/system/open-files.js';

export { calledAs, EXIT_USAGE, readCommandLine, UsageError } from '../infrastructure/system/command-line.js';

const EXIT_AFTER_SIGNAL = 0;
/** From the signal to the end of the process, whatever happens. Longer than the longest SHUTDOWN_GRACE_MS. */
const LAST_MOMENT_MS = 28_000;

/**
 * Runs `main` and ends the process with the code that it gives. On SIGINT or SIGTERM `signal` is aborted once; a second
 * signal of the same kind changes nothing, as the shutdown is bounded by itself.
 */
export const runUntilSignal = (main: (signal: AbortSignal) => Promise<number>): void => {
  const ending = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM'] as const) process.on(name, () => ending.abort(name));
  ending.signal.addEventListener('abort', () => setTimeout(giveUp, LAST_MOMENT_MS).unref());
  main(ending.signal).then(
    (code) => process.exit(ending.signal.aborted ? EXIT_AFTER_SIGNAL : code),
    (error: unknown) => {
      // The operator ended it while it waited for something.
      if (ending.signal.aborted && error === ending.signal.reason) process.exit(EXIT_AFTER_SIGNAL);
      process.stderr.write(`${descriptorsShort(error) ?? reasonOf(error)}\n`);
      process.exit(error instanceof UsageError ? EXIT_USAGE : 1);
    },
  );
};

/** What has not ended by then is left as after a kill: the next start or another instance recovers from it. */
const giveUp = () => {
  process.stderr.write(`The shutdown took longer than ${LAST_MOMENT_MS} ms and is cut short\n`);
  process.exit(1);
};

/** Resolves when `signal` is aborted. */
export const aborted = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
