/** Finds names that look like ours and are not, so that a misspelt limit is not silently the default. */
import { agentBound, agentCredential, VARIABLE_NAMES } from './variables.js';

/** How far a name of that length may be from the known one, in single letters. */
const mayDiffer = (length: number): number => (length >= 10 ? 2 : 1);
const UNIT_LEFT_OUT = /^_(MS|BYTES|SECONDS|DAYS)$/;
const LONGEST = 64;

/**
 * Whether `name` is a slip of the pen for `known`: a letter too many, too few or wrong (two in a long name), neighbours in the
 * wrong order, an underscore, a unit or the case. Of short names only the order counts: HOSTS and POST are words of their own.
 */
const isSlipOf = (name: string, known: string): boolean => {
  if (name === known || name.length > LONGEST) return false;
  const given = name.toUpperCase();
  const isLong = known.length >= 8;
  if (isLong && isSameButUnderscores(given, known)) return true;
  if (isLong && known.startsWith(given) && UNIT_LEFT_OUT.test(known.slice(given.length))) return true;
  return isSwapOf(name, known) || (isLong && isWithin(mayDiffer(known.length), given, known));
};

const isSameButUnderscores = (given: string, known: string): boolean =>
  given.at(-1) === known.at(-1) || given.endsWith('_')
    ? given.replaceAll('_', '') === known.replaceAll('_', '')
    : false;

/** Each start compares thousands of pairs, nearly all of which differ in length or in letters by more than that. */
const isWithin = (distance: number, given: string, known: string): boolean =>
  Math.abs(given.length - known.length) <= distance &&
  differentLetters(given, known) <= 2 * distance &&
  editDistance(given, known) <= distance;

/** How many characters one of them has and the other has not; such as differ by 32 count as the same. */
const differentLetters = (one: string, other: string): number => {
  let count = 0;
  for (let left = lettersOf(one) ^ lettersOf(other); left !== 0; left &= left - 1) count++;
  return count;
};

const lettersOf = (text: string): number => {
  let letters = 0;
  for (let at = 0; at < text.length; at++) letters |= 1 << (text.charCodeAt(at) & 31);
  return letters;
};

/** The nearest of `known`, where any is near enough to have been meant. For names that are known to be mistakes. */
export const nearest = (name: string, known: readonly string[]): string | undefined => {
  const [best] = known
    .map((each) => ({ each, distance: editDistance(name.toUpperCase(), each) }))
    .sort((a, b) => a.distance - b.distance);
  return best && best.distance <= Math.max(2, Math.floor(best.each.length / 3)) ? best.each : undefined;
};

const isSwapOf = (name: string, known: string): boolean => {
  if (name.length !== known.length) return false;
  const at = [...known].findIndex((letter, index) => letter !== name[index]);
  if (at < 0 || at + 1 >= known.length) return false;
  return name === known.slice(0, at) + known[at + 1]! + known[at]! + known.slice(at + 2);
};

/** How many characters must be inserted, removed or replaced. Names are short; a long one is cut. */
const editDistance = (from: string, to: string): number => {
  let row = Array.from({ length: to.length + 1 }, (_, column) => column);
  for (const [index, character] of [...from.slice(0, LONGEST)].entries()) {
    const next = [index + 1];
    for (let column = 1; column <= to.length; column++) {
      const replaced = row[column - 1]! + (to[column - 1] === character ? 0 : 1);
      next.push(Math.min(replaced, row[column]! + 1, next[column - 1]! + 1));
    }
    row = next;
  }
  return row[to.length]!;
};

const AGENT_URL = /^AGENT_([A-Z0-9_]+)_URL$/;

/** First words of our names: an unknown name that begins with one of them is a mistake, however far it is from ours. */
const OUR_PREFIXES = [
  ...[
    'AGENT',
    'AGENTS',
    'ALLOWED',
    'APPEND',
    'AUDIT',
    'DATABASE',
    'DEFINITIONS',
    'DRIFT',
    'EVENTSTORE',
    'FOLD',
    'INLINE',
  ],
  ...[
    'METADATA',
    'OIDC',
    'PROJECTION',
    'PROJECTS',
    'REALTIME',
    'REBUILD',
    'REQUIRE',
    'SAGA',
    'SHUTDOWN',
    'STREAM',
    'WEBHOOK',
  ],
  ...['TRUSTED', 'WORKER'],
].map((word) => `${word}_`);

/** Kubernetes describes a service called `eventstore` or `database` in such variables. */
const OF_KUBERNETES = /_SERVICE_(HOST|PORT)(_|$)|_PORT_\d+_(TCP|UDP)(_|$)/;
/** What runners of Azure Pipelines and GitHub set about themselves. */
const OF_BUILD_RUNNERS = new RegExp(
  `^AGENT_(${[
    ...[
      'ID',
      'NAME',
      'OS',
      'OSARCHITECTURE',
      'VERSION',
      'MACHINENAME',
      'JOBNAME',
      'JOBSTATUS',
      'CLOUDID',
      'ISSELFHOSTED',
    ],
    ...['HOMEDIRECTORY', 'ROOTDIRECTORY', 'BUILDDIRECTORY', 'TEMPDIRECTORY', 'TOOLSDIRECTORY', 'SERVEROMDIRECTORY'],
    ...[
      'WORKFOLDER',
      'DIAGNOSTIC',
      'LOGTOBLOBSTORAGE',
      'READONLYVARIABLES',
      'RETAINDEFAULTENCODING',
      'DISABLELOGPLUGIN_\\w+',
    ],
  ].join('|')})$`,
);
/** What hosts of databases put beside DATABASE_URL. */
const OF_DATABASE_HOSTS = /^DATABASE_(PUBLIC_URL|URL_UNPOOLED)$/;

const isSetByOthers = (name: string, value = '') =>
  [OF_KUBERNETES, OF_BUILD_RUNNERS, OF_DATABASE_HOSTS].some((theirs) => theirs.test(name)) ||
  (name.endsWith('_PORT') && /^(tcp|udp):\/\//.test(value));

export const isAgentUrl = (name: string): boolean => name !== 'AGENT_BASE_URL' && AGENT_URL.test(name);
const isOurs = (name: string) =>
  isAgentUrl(name) ||
  agentBound(name) !== undefined ||
  agentCredential(name) !== undefined ||
  VARIABLE_NAMES.some((known) => known === name);

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * One sentence for each unknown name: every key of the .env file counts, of the environment those with our prefixes and those
 * that look like one of ours, misspelt. The rest of the environment is others'.
 * @param allowed names that are others' all the same
 */
export function unknownNames(
  env: Environment,
  envFile: Environment,
  allowed: readonly string[] = [],
): readonly string[] {
  const removed = [...new Set([...Object.keys(envFile), ...Object.keys(env)])].flatMap(
    (name) => removedName(name) ?? [],
  );
  const isUnknown = (name: string) => !isOurs(name) && !allowed.includes(name) && !removedName(name);
  const inFile = Object.keys(envFile).filter(isUnknown);
  const inEnvironment = Object.keys(env).filter(
    (name) => isUnknown(name) && !inFile.includes(name) && !isSetByOthers(name, env[name]) && isMeantForUs(name),
  );
  const inEnvironmentOf = (name: string) =>
    `${name} (environment): expected a known name. ${advice(name)} If it is another program's, add it to ALLOW_UNKNOWN_SETTINGS.`;
  return [
    ...removed,
    ...inFile.map((name) => `${name} (.env): expected a known name. ${advice(name)}`),
    ...inEnvironment.map(inEnvironmentOf),
  ];
}

/** Names of earlier versions, and what to set instead: a start that ignored them would not do what its operator means. */
const REMOVED: Readonly<Record<string, string>> = {
  ALLOW_UNAUTHENTICATED_NETWORK:
    'expected it not to be set, since nobody is let in from a network unasked any more. Remove it; to listen beyond loopback, ' +
    'set AUTH=keys (or AUTH=oidc), with TLS_CERT_FILE and TLS_KEY_FILE, or TRUSTED_PROXY.',
};

/** @returns the sentence for a name that this version no longer has */
const removedName = (name: string): string | undefined =>
  Object.hasOwn(REMOVED, name) ? `${name}: ${REMOVED[name]}` : undefined;

const isMeantForUs = (name: string): boolean =>
  OUR_PREFIXES.some((prefix) => name.startsWith(prefix)) || VARIABLE_NAMES.some((known) => isSlipOf(name, known));

/** A secret of one agent where only a file is taken. */
const AGENT_SECRET = /^AGENT_[A-Z][A-Z0-9_]{0,63}_(TOKEN|SIGNING_SECRET)$/;

function advice(name: string): string {
  if (AGENT_SECRET.test(name)) return `Put the secret into a file, and name the file in ${name}_FILE.`;
  const meant = VARIABLE_NAMES.find((known) => isSlipOf(name, known)) ?? nearest(name, VARIABLE_NAMES);
  return meant ? `Did you mean ${meant}?` : 'Remove it, or see .env.example for the names there are.';
}
