/** `npm run watch`: how far an execution is, live, from anywhere that reaches the API. */
import { calledAs, readCommandLine, runUntilSignal, UsageError } from '../../../composition/run-until-signal.js';
import { reasonOf } from '../../../application/runtime/errors.js';
import { CONNECTION_OPTIONS, CONNECTION_USAGE, connectionOf, type Connection } from '../connection.js';
import { follow } from './follow.js';
import { next, type Picture } from './picture.js';
import { Screen } from './lines.js';

const USAGE = `Usage: ${calledAs('watch')} EXECUTION [OPTIONS]
Shows how far an execution is, until it ends: on a terminal as a picture that is drawn anew, elsewhere a line for each event.
${CONNECTION_USAGE}
The exit code is 0 where it completed, 1 where it failed or was cancelled, 2 for wrong usage or an unknown execution.`;

type Options = Connection & Readonly<{ executionId: string }>;

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** @returns null where help is asked for. @throws UsageError that says what was expected */
const optionsFrom = (): Options | null => {
  const line = readCommandLine(USAGE, { allowPositionals: true, options: CONNECTION_OPTIONS });
  if (!line) return null;
  const [executionId, ...others] = line.positionals;
  const wrong = (expected: string) => new UsageError(`Expected ${expected}.\n\n${USAGE}`);
  if (executionId === undefined || others.length > 0) throw wrong('one EXECUTION');
  if (!UUID.test(executionId)) throw wrong(`a UUID as EXECUTION, got "${executionId}"`);
  return { executionId: executionId.toLowerCase(), ...connectionOf(line.values) };
};

const WRONG = 2;
/** Times go on between two events. */
const DRAW_EVERY_MS = 250;

const watch = async ({ executionId, url, key }: Options, signal: AbortSignal): Promise<number> => {
  const screen = new Screen(process.stdout, () => new Date());
  const last: { picture: Picture | null } = { picture: null };
  const ticking = setInterval(() => last.picture && screen.draw(last.picture), DRAW_EVERY_MS);
  try {
    await follow(
      `${url}/api/v1/workflow/${executionId}/stream`,
      {
        message: (message) => {
          last.picture = next(last.picture, message);
          if (last.picture) screen.show(last.picture, message);
        },
        connection: (trouble) => screen.connection(trouble, last.picture),
      },
      signal,
      { key },
    );
  } finally {
    clearInterval(ticking);
    screen.end();
  }
  if (signal.aborted) return 0;
  const { current_state: state, percent_complete: percent } = last.picture!.execution;
  screen.line(`Execution ${state}, ${percent} %`);
  return state === 'completed' ? 0 : 1;
};

const run = async (signal: AbortSignal): Promise<number> => {
  try {
    const options = optionsFrom();
    return options ? await watch(options, signal) : 0;
  } catch (error) {
    process.stderr.write(`${reasonOf(error)}\n`);
    return WRONG;
  }
};

runUntilSignal(run);
