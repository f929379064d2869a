/** How a verb over HTTP ends where it does not end well. */
import { EXIT_USAGE, UsageError } from '../../../composition/run-until-signal.js';
import { reasonOf } from '../../../application/runtime/errors.js';
import { ApiRefusal, NotReachable } from '../workflow-client.js';

export const EXIT = { done: 0, failed: 1, usage: EXIT_USAGE, refused: 3, unreachable: 4 } as const;

const isRefused = (error: unknown): error is ApiRefusal =>
  error instanceof ApiRefusal && error.status >= 400 && error.status < 500;

const codeOf = (error: unknown): number => {
  if (error instanceof UsageError) return EXIT.usage;
  if (error instanceof NotReachable) return EXIT.unreachable;
  return isRefused(error) ? EXIT.refused : EXIT.failed;
};

/** Writes why to stderr, as JSON where the output is JSON. */
export const exitCodeOf = (error: unknown, asJson: boolean): number => {
  const exit = codeOf(error);
  const message = error instanceof UsageError ? error.message : reasonOf(error);
  const api = error instanceof ApiRefusal ? { status: error.status, code: error.code, details: error.details } : {};
  process.stderr.write(asJson ? `${JSON.stringify({ error: { exit, message, ...api } })}\n` : `${message}\n`);
  return exit;
};
