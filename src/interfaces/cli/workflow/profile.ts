/** `workflow profile` */
import { readFileSync } from 'node:fs';
import { readCommandLine, UsageError } from '../../../composition/run-until-signal.js';
import { mustBeKey, mustBeUrl } from '../connection.js';
import { profilesFile, readProfiles, writeProfiles, type Profiles } from '../profiles.js';
import { write } from './api-verb.js';
import { EXIT } from './exit.js';

const USAGE = `Usage: workflow profile COMMAND
  list                 all profiles, * before the one in use; keys are never shown
  add NAME --url URL [--key-file FILE]   where FILE is -, the key is read from stdin. One that is there is replaced
  use NAME             counts from then on where no option and no variable names an address
  remove NAME
  --json               one JSON document
They are kept in ${profilesFile()}, which its user alone may read.`;

const OPTIONS = { url: { type: 'string' }, 'key-file': { type: 'string' }, json: { type: 'boolean' } } as const;
const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;

const STDIN = 0;

export const profile = async (args: readonly string[]): Promise<number> => {
  const line = readCommandLine(USAGE, { options: OPTIONS, allowPositionals: true }, args);
  if (!line) return EXIT.done;
  const [command, name, ...more] = line.positionals;
  const wrong = (expected: string) => new UsageError(`Expected ${expected}\n\n${USAGE}`);
  const { url, 'key-file': file } = line.values;
  if (command !== 'add' && (url !== undefined || file !== undefined))
    throw wrong('--url and --key-file with add alone');
  const known = readProfiles();
  if (command === 'list' && name === undefined) return show(known, line.values.json === true);
  if (name === undefined || more.length > 0) throw wrong('list, or one of add, use, remove with a NAME');
  if (!NAME.test(name)) throw wrong('1 to 64 characters of A-Z a-z 0-9 . _ - as NAME');
  if (command === 'add') {
    if (url === undefined) throw wrong('--url URL');
    writeProfiles(added(known, name, mustBeUrl(url, '--url'), file === undefined ? null : keyOf(file)));
    return EXIT.done;
  }
  if (command !== 'use' && command !== 'remove') throw wrong('one of list, add, use, remove');
  if (!Object.hasOwn(known.profiles, name))
    throw wrong(`one of ${Object.keys(known.profiles).join(', ') || 'none'} as NAME, got ${name}`);
  writeProfiles(command === 'use' ? { ...known, current: name } : removed(known, name));
  return EXIT.done;
};

/** The first one is in use at once. */
const added = ({ current, profiles }: Profiles, name: string, url: string, key: string | null): Profiles => ({
  current: current ?? name,
  profiles: { ...profiles, [name]: { url, key } },
});

const removed = ({ current, profiles }: Profiles, name: string): Profiles => ({
  current: current === name ? null : current,
  profiles: Object.fromEntries(Object.entries(profiles).filter(([each]) => each !== name)),
});

const keyOf = (file: string): string => mustBeKey(readFileSync(file === '-' ? STDIN : file, 'utf8'), '--key-file');

const show = ({ current, profiles }: Profiles, asJson: boolean): number => {
  const shown = Object.entries(profiles).map(([name, { url, key }]) => ({
    ...{ name, url, has_key: key !== null, in_use: name === current },
  }));
  if (asJson) write(JSON.stringify({ profiles: shown }));
  else
    for (const { name, url, has_key, in_use } of shown)
      write(`${in_use ? '*' : ' '} ${name}  ${url}${has_key ? '  with a key' : ''}`);
  return EXIT.done;
};
