/** What `workflow doctor` concludes from what it has found out: each line says how it is, and what the operator does about it. */
import type { LogFault } from '../log/log-fault.js';

export type Finding = Readonly<{ check: string; status: 'ok' | 'warn' | 'fail'; message: string }>;

const found =
  (status: Finding['status']) =>
  (check: string, message: string): Finding => ({ check, status, message });
const [ok, fail] = [found('ok'), found('fail')];
export const warn = found('warn');

/** Where several may be wrong, each has a line; where none is, one line says so. */
const orOk = (problems: readonly Finding[], check: string, message: string): readonly Finding[] =>
  problems.length > 0 ? problems : [ok(check, message)];

export type Versions = Readonly<{
  node: string;
  /** What package.json asks for. */
  required: string;
  version: string;
  openFiles: string | null;
}>;

const numbers = (version: string): readonly number[] =>
  version
    .replace(/^[^\d]*/, '')
    .split('.')
    .map(Number);

/** Versions of three numbers. */
const isAtLeast = (version: string, least: string): boolean => {
  const [given, wanted] = [numbers(version), numbers(least)];
  const at = wanted.findIndex((number, index) => number !== given[index]);
  return at < 0 || (given[at] ?? 0) > wanted[at]!;
};

export const versionFindings = ({ node, required, version, openFiles }: Versions): readonly Finding[] => [
  isAtLeast(node, required)
    ? ok('versions', `workflow-executor ${version} on Node ${node}`)
    : fail('versions', `Node: expected ${required}, got ${node}. Install a newer Node`),
  ...(openFiles === null ? [] : [fail('versions', openFiles)]),
];

/** `named`: a setting and the file or folder it names; `problem`: why that cannot be read. */
export type NamedFile = Readonly<{ setting: string; path: string; problem: string | null }>;

export type Settings =
  | Readonly<{ problems: readonly string[] }>
  | Readonly<{ problems: null; warnings: readonly string[]; files: readonly NamedFile[]; definitions: string | null }>;

export const settingsFindings = (settings: Settings): readonly Finding[] => {
  if (settings.problems) return settings.problems.map((problem) => fail('settings', problem));
  const { warnings, files, definitions } = settings;
  const missing = files.flatMap(({ setting, path, problem }) =>
    problem === null
      ? []
      : [
          fail(
            'settings',
            `${setting}: expected a file that can be read, got ${path}: ${problem}. Correct the path, or its rights`,
          ),
        ],
  );
  const wrong = [
    ...warnings.map((line) => warn('settings', line)),
    ...missing,
    ...(definitions === null ? [] : [fail('settings', `DEFINITIONS_DIR: ${definitions}`)]),
  ];
  return orOk(wrong, 'settings', 'every name and value is known, and every file that they name can be read');
};

export type Disk = Readonly<{
  path: string;
  /** Why the application could not keep its data there. */
  problem: string | null;
  /** Whether users besides the owner may write there. */
  isOpen: boolean;
  freeBytes: number;
}>;

const MIB = 1024 * 1024;
const DISK_LIMITS = { failBelowBytes: 256 * MIB, warnBelowBytes: 2_048 * MIB };

export const diskFindings = ({ path, problem, isOpen, freeBytes }: Disk): readonly Finding[] => {
  if (problem !== null)
    return [
      fail(
        'disk',
        `DATA_DIR: expected a folder that can be written, got ${path}: ${problem}. Correct the setting, or give this user the right`,
      ),
    ];
  const free = `${Math.floor(freeBytes / MIB)} MiB`;
  const { failBelowBytes, warnBelowBytes } = DISK_LIMITS;
  const space = `expected ${warnBelowBytes / MIB} MiB of free space at ${path}, got ${free}. Make room: what is recorded is never deleted`;
  const short =
    freeBytes < failBelowBytes ? [fail('disk', space)] : freeBytes < warnBelowBytes ? [warn('disk', space)] : [];
  const open = isOpen ? [warn('disk', `${path}: other users may write there. Run \`chmod go-w '${path}'\``)] : [];
  return orOk([...short, ...open], 'disk', `${path} can be written, ${free} are free`);
};

/** Milliseconds between two clocks that nobody notices; beyond the second, deadlines and leases are wrong. */
const SKEW_LIMITS = { warnMs: 500, failMs: 5_000 };

/** @param skewMs how far the other clock is ahead. @param within how exactly that is known */
export const clockFinding = (of: string, skewMs: number, within: number): Finding => {
  const least = Math.max(0, Math.abs(skewMs) - within);
  const apart = `the clock of ${of} is ${Math.abs(Math.round(skewMs))} ms ${skewMs < 0 ? 'behind' : 'ahead'}`;
  if (least <= SKEW_LIMITS.warnMs)
    return ok('clock', `this machine and ${of} agree to ${Math.ceil(Math.abs(skewMs))} ms`);
  const say = least > SKEW_LIMITS.failMs ? fail : warn;
  return say('clock', `${apart}: deadlines and retries come early or late. Let both machines take the time from NTP`);
};

export type Port = Readonly<{ address: string; listener: 'none' | 'this application' | 'something else' }>;

export const portFinding = ({ address, listener }: Port): Finding => {
  if (listener === 'none') return ok('port', `${address} is free`);
  if (listener === 'this application')
    return ok('port', `an instance answers at ${address}; a second one needs another PORT`);
  return fail(
    'port',
    `${address}: expected it to be free, something else listens there. Set PORT to another one, or end that program`,
  );
};

export type Database =
  | Readonly<{ kind: 'embedded'; problem: string | null }>
  | Readonly<{ kind: 'away'; problem: string; code: string | undefined }>
  | Readonly<{ kind: 'pooled' | 'unusable'; problem: string }>
  | (Readonly<{ kind: 'reached' }> & DatabaseFacts);

export type DatabaseFacts = Readonly<{
  version: number;
  name: string;
  user: string;
  mayCreate: boolean;
  isReadOnly: boolean;
  /** Migrations of a newer version of this package. */
  unknownMigrations: number;
  skewMs: number;
  roundTripMs: number;
}>;

const LEAST_POSTGRES = 14;

/** Codes of Postgres and of the network, as far as the operator does different things about them. */
const DATABASE_ADVICE: Readonly<Record<string, string>> = {
  '28P01': 'Correct the password in DATABASE_URL or in the file of DATABASE_PASSWORD_FILE',
  '28000': 'Correct the user in DATABASE_URL, or let it in by pg_hba.conf of the server',
  '3D000': "Create the database: create database NAME encoding 'UTF8' template template0",
  '53300': 'The server has no connection free: raise its max_connections, or lower DATABASE_MAX_CONNECTIONS',
  ENOTFOUND: 'Correct the host in DATABASE_URL: no address is known by that name',
  EAI_AGAIN: 'Correct the host in DATABASE_URL, or wait until names can be looked up again',
};

export const databaseFindings = (database: Database): readonly Finding[] => {
  switch (database.kind) {
    case 'embedded':
      return [
        database.problem === null
          ? ok('database', 'DATABASE_URL is not set: the embedded Postgres is used, which starts with the application')
          : fail('database', database.problem),
      ];
    case 'away': {
      const advice =
        DATABASE_ADVICE[database.code ?? ''] ??
        'Start the server, or correct DATABASE_URL: a Postgres has to answer there';
      return [
        fail(
          'database',
          `DATABASE_URL: expected a Postgres that lets this user in, got: ${database.problem}. ${advice}`,
        ),
      ];
    }
    case 'pooled':
      return [fail('pooler', database.problem)];
    case 'unusable':
      return [fail('database', database.problem)];
    case 'reached':
      return reachedFindings(database);
  }
};

const reachedFindings = (facts: DatabaseFacts): readonly Finding[] => {
  const { version, name, user, mayCreate, isReadOnly, unknownMigrations, skewMs, roundTripMs } = facts;
  const say = (holds: boolean, message: string) => (holds ? [] : [fail('database', message)]);
  const major = Math.floor(version / 10_000);
  const wrong = [
    ...say(major >= LEAST_POSTGRES, `expected Postgres ${LEAST_POSTGRES} or newer, got ${major}. Update the server`),
    ...say(
      mayCreate,
      `expected ${user} to make tables in ${name}. Run as its owner: grant create, usage on schema public to "${user}"`,
    ),
    ...say(
      !isReadOnly,
      `expected ${name} to be writable, got a standby or a read-only one. Name the primary in DATABASE_URL`,
    ),
    ...say(
      unknownMigrations === 0,
      `${name} was changed by a newer version of this package (${unknownMigrations} migrations that this one does not know). Install that version`,
    ),
  ];
  return [
    ...orOk(
      wrong,
      'database',
      `Postgres ${major} answers within ${Math.ceil(roundTripMs)} ms, and ${user} may make tables in ${name}`,
    ),
    ok('pooler', 'each connection is a session of its own'),
    clockFinding('the database', skewMs, roundTripMs),
  ];
};

export type Log =
  | Readonly<{ kind: 'embedded' }>
  | Readonly<{ kind: 'away'; fault: LogFault | undefined; problem: string }>
  | Readonly<{ kind: 'reached'; version: string; mayWrite: string | null; mismatch: string | null | undefined }>;

const LOG_ADVICE: Readonly<Record<LogFault, string>> = {
  CREDENTIALS_REFUSED: 'Correct the user in EVENTSTORE_URL, or the password there or in EVENTSTORE_PASSWORD_FILE',
  RIGHTS_MISSING:
    'Let the user read $all, and read and write the streams of this application (docs/running.md#an-event-store-of-your-own)',
  TLS_FAILED: 'Name its CA in tlsCAFile, correct the host, or set tls=false where it speaks no TLS',
  NO_CONNECTION: 'Start it, or correct EVENTSTORE_URL: an event store has to answer there',
  NO_QUORUM: 'Start enough of its nodes, or wait until they have found a leader',
};

export const logFindings = (log: Log): readonly Finding[] => {
  if (log.kind === 'embedded')
    return [ok('log', 'EVENTSTORE_URL is not set: the embedded node is used, which runs in one of the instances')];
  if (log.kind === 'away') {
    const advice = LOG_ADVICE[log.fault ?? 'NO_CONNECTION'];
    return [fail('log', `EVENTSTORE_URL: expected an event store that can be used, got: ${log.problem}. ${advice}`)];
  }
  const { version, mayWrite, mismatch } = log;
  const wrong = [
    ...(mayWrite === null
      ? []
      : [fail('log', `the log can be read and not written: ${mayWrite}. ${LOG_ADVICE.RIGHTS_MISSING}`)]),
    ...(typeof mismatch === 'string' ? [fail('log', `${mismatch}`)] : []),
    ...(mismatch === undefined
      ? [warn('log', 'whether it is the log of this database is not known: the database was not asked')]
      : []),
  ];
  return orOk(
    wrong,
    'log',
    `the event store (${version}) can be read and written, and the database knows no other log`,
  );
};
