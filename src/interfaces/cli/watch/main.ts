/** `npm run watch`: how far an execution is, live, from anywhere that reaches the API. */
import { runUntilSignal } from '../../../composition/run-until-signal.js';
import { follow } from './follow.js';
import { optionsFrom, USAGE, type Options } from './options.js';
import { next, type Picture } from './picture.js';
import { reasonOf } from '../../../application/runtime/errors.js';
import { Screen } from './screen.js';

const WRONG = 2;
/** Times go on between two events. */
const DRAW_EVERY_MS = 250;

const watch = async ({ executionId, url }: Options, signal: AbortSignal): Promise<number> => {
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
    const options = optionsFrom(process.argv.slice(2));
    if (options) return await watch(options, signal);
    process.stdout.write(`${USAGE}\n`);
    return 0;
  } catch (error) {
    process.stderr.write(`${reasonOf(error)}\n`);
    return WRONG;
  }
};

runUntilSignal(run);
