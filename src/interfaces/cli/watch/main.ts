/** `npm run watch`: how far an execution is, live, from anywhere that reaches the API. */
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { runUntilSignal } from '../../../composition/run-until-signal.js';
import { reasonOf } from '../../../application/runtime/errors.js';
import { follow } from './follow.js';
import { next, type Picture } from './picture.js';
import { Screen } from './lines.js';

const DEFAULT_URL = 'http://127.0.0.1:3000';

const USAGE = `Usage: npm run watch -- EXECUTION [--url ${DEFAULT_URL}] [--key-file FILE]
Shows how far an execution is, until it ends: on a terminal as a picture that is drawn anew, elsewhere a line for each event.
  --url URL        where the API is
  --key-file FILE  a file with an API key or a token, where the API asks who one is (docs/access.md)
The exit code is 0 where it completed, 1 where it failed or was cancelled, 2 for wrong usage or an unknown execution.`;

type Options = Readonly<{ executionId: string; url: string; key: string | null }>;

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

const LONGEST_KEY = 16 * 1024;

/** Not on the command line, which others on the machine can read. @throws Error that says what was expected */
const keyIn = (file: string): string => {
  const key = readFileSync(file, 'utf8').trim();
  if (/^[\x21-\x7e]+$/.test(key) && key.length <= LONGEST_KEY) return key;
  throw new Error(`Expected a file with one key or token of at most ${LONGEST_KEY} characters as --key-file`);
};

/** @returns null where help is asked for. @throws Error that says what was expected */
const optionsFrom = (args: readonly string[]): Options | null => {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      url: { type: 'string', default: DEFAULT_URL },
      'key-file': { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return null;
  const [executionId, ...others] = positionals;
  const wrong = (expected: string) => new Error(`Expected ${expected}.\n\n${USAGE}`);
  if (executionId === undefined || others.length > 0) throw wrong('one EXECUTION');
  if (!UUID.test(executionId)) throw wrong(`a UUID as EXECUTION, got "${executionId}"`);
  if (!URL.canParse(values.url) || !/^https?:$/.test(new URL(values.url).protocol))
    throw wrong(`an http or https URL as --url, got "${values.url}"`);
  const file = values['key-file'];
  const key = file === undefined ? null : keyIn(file);
  return { executionId: executionId.toLowerCase(), url: values.url.replace(/\/+$/, ''), key };
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
