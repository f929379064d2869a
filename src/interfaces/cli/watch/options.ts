import { parseArgs } from 'node:util';

export const DEFAULT_URL = 'http://127.0.0.1:3000';

export const USAGE = `Usage: npm run watch -- EXECUTION [--url ${DEFAULT_URL}]
Shows how far an execution is, until it ends: on a terminal as a picture that is drawn anew, elsewhere a line for each event.
  --url URL  where the API is
The exit code is 0 where it completed, 1 where it failed or was cancelled, 2 for wrong usage or an unknown execution.`;

export type Options = Readonly<{ executionId: string; url: string }>;

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** @returns null where help is asked for. @throws Error that says what was expected */
export const optionsFrom = (args: readonly string[]): Options | null => {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: { url: { type: 'string', default: DEFAULT_URL }, help: { type: 'boolean', default: false } },
  });
  if (values.help) return null;
  const [executionId, ...others] = positionals;
  const wrong = (expected: string) => new Error(`Expected ${expected}.\n\n${USAGE}`);
  if (executionId === undefined || others.length > 0) throw wrong('one EXECUTION');
  if (!UUID.test(executionId)) throw wrong(`a UUID as EXECUTION, got "${executionId}"`);
  if (!URL.canParse(values.url) || !/^https?:$/.test(new URL(values.url).protocol))
    throw wrong(`an http or https URL as --url, got "${values.url}"`);
  return { executionId: executionId.toLowerCase(), url: values.url.replace(/\/+$/, '') };
};
