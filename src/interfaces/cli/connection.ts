/** Where the API is, and who asks: from the options, then a profile that is named, then the environment, then the profile in use. */
import { readFileSync } from 'node:fs';
import { UsageError } from '../../composition/run-until-signal.js';
import { readProfiles, type Profiles } from './profiles.js';

const DEFAULT_URL = 'http://127.0.0.1:3000';
const LONGEST_KEY = 16 * 1024;

export const CONNECTION_OPTIONS = {
  url: { type: 'string' },
  key: { type: 'string' },
  'key-file': { type: 'string' },
  profile: { type: 'string' },
} as const;

export const CONNECTION_USAGE = `  --url URL        where the API is; else WORKFLOW_URL, else the profile, else ${DEFAULT_URL}
  --key-file FILE  a file with an API key or a token, where the API asks who one is (docs/access.md); else WORKFLOW_API_KEY
  --key KEY        the same, where no other user of the machine reads the arguments of a process
  --profile NAME   the URL and the key of a profile (workflow profile --help)`;

type Given = Partial<Readonly<Record<keyof typeof CONNECTION_OPTIONS, string>>>;
type Source = Readonly<{ url?: string | undefined; key?: string | undefined }>;
export type Connection = Readonly<{ url: string; key: string | null }>;

/** @throws UsageError */
export const connectionOf = (
  given: Given,
  env: NodeJS.ProcessEnv = process.env,
  profiles: () => Profiles = readProfiles,
): Connection => {
  if (given.key !== undefined && given['key-file'] !== undefined)
    throw new UsageError('Expected --key or --key-file, got both');
  const options: Source = {
    url: given.url && mustBeUrl(given.url, '--url'),
    key: given['key-file'] === undefined ? given.key && mustBeKey(given.key, '--key') : keyIn(given['key-file']),
  };
  const environment: Source = {
    url: env['WORKFLOW_URL'] && mustBeUrl(env['WORKFLOW_URL'], 'WORKFLOW_URL'),
    key: env['WORKFLOW_API_KEY'] && mustBeKey(env['WORKFLOW_API_KEY'], 'WORKFLOW_API_KEY'),
  };
  const profile = profileOf(given.profile, options, environment, profiles);
  const sources = given.profile === undefined ? [options, environment, profile] : [options, profile, environment];
  const url = sources.find((each) => each.url !== undefined)?.url ?? DEFAULT_URL;
  // A key goes to the address that it stands beside, never to another one.
  const key = sources.find((each) => each.key !== undefined && (each.url === undefined || each.url === url))?.key;
  return { url, key: key ?? null };
};

/** The file is read where something in it may count. */
const profileOf = (
  named: string | undefined,
  options: Source,
  environment: Source,
  profiles: () => Profiles,
): Source => {
  const isComplete = [options, environment].some(({ url }) => url !== undefined);
  if (named === undefined && isComplete) return {};
  const { current, profiles: known } = profiles();
  const name = named ?? current;
  if (name === null) return {};
  const found = known[name];
  if (!found)
    throw new UsageError(`--profile: expected one of ${Object.keys(known).join(', ') || 'none'}, got ${name}`);
  return { url: found.url, key: found.key ?? undefined };
};

/** @returns the URL without a slash at the end. @throws UsageError */
export const mustBeUrl = (text: string, option: string): string => {
  const url = URL.canParse(text) ? new URL(text) : null;
  if (!url || !/^https?:$/.test(url.protocol))
    throw new UsageError(
      `Expected an http or https URL as ${option}, got "${text.replace(/\/\/[^/]*@/, '//[hidden]@')}"`,
    );
  if (url.username || url.password || url.search || url.hash)
    throw new UsageError(
      `Expected a URL of an address and a path as ${option}, got one with a user, a query or a fragment`,
    );
  return text.replace(/\/+$/, '');
};

/** @throws UsageError that does not repeat it */
export const mustBeKey = (text: string, option: string): string => {
  const key = text.trim();
  if (/^[\x21-\x7e]+$/.test(key) && key.length <= LONGEST_KEY) return key;
  throw new UsageError(`Expected one key or token of at most ${LONGEST_KEY} characters as ${option}`);
};

const keyIn = (file: string): string => {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    throw new UsageError(`Expected a file with a key as --key-file: ${(error as Error).message}`, { cause: error });
  }
  return mustBeKey(text, 'the content of --key-file');
};
