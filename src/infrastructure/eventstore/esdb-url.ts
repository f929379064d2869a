/**
 * Connection strings of EventStoreDB, read completely before the client sees any: its own parser takes some mistakes for something
 * else, and prints the whole string, with its password, where it does not know a word of it.
 */
import { isIP } from 'node:net';
import { decoded, ENCODED, partsOf, shownScheme, shownWord, UrlProblem } from '../config/url-problem.js';

/** KurrentDB is EventStoreDB under its new name, and so are its connection strings. */
const SCHEME = /^(?:esdb|kurrentdb|kdb)(\+discover)?:\/\//i;
const ESDB_EXAMPLE = 'esdb://user:password@host:2113?tls=true';

type Host = Readonly<{ address: string; port: number }>;

export type EsdbParameters = Readonly<
  Partial<{
    tls: boolean;
    tlsVerifyCert: boolean;
    throwOnAppendFailure: boolean;
    tlsCAFile: string;
    userCertFile: string;
    userKeyFile: string;
    connectionName: string;
    nodePreference: string;
    defaultDeadline: number;
    discoveryInterval: number;
    gossipTimeout: number;
    maxDiscoverAttempts: number;
    keepAliveInterval: number;
    keepAliveTimeout: number;
  }>
>;

export type EsdbAddress = Readonly<{
  hosts: readonly Host[];
  /** The hosts, or what the one host's name leads to, are asked which member of the cluster leads. */
  isCluster: boolean;
  hasTls: boolean;
  username?: string;
  /** Undefined where there is no user, and where the password is left out, to come from elsewhere. */
  credentials?: Readonly<{ username: string; password: string }>;
  parameters: EsdbParameters;
}>;

const DEFAULT_PORT = 2113;

/** @throws UrlProblem */
export const readEsdbUrl = (text: string): EsdbAddress => {
  const scheme = SCHEME.exec(text)?.[0];
  if (scheme === undefined)
    throw new UrlProblem(
      `a connection string such as ${ESDB_EXAMPLE} (esdb://, kurrentdb:// or kdb://, each also with +discover)`,
      shownScheme(text),
    );
  if (/\s/.test(text)) throw new UrlProblem('a connection string without blanks', 'one with a blank');
  const rest = text.slice(scheme.length);
  const [authority, path, query] = partsOf(rest);
  const at = authority.lastIndexOf('@');
  if (at < 0) mustHoldNoCredentials(path, query);
  const username = at < 0 ? undefined : credentialsIn(authority.slice(0, at));
  const hosts = authority
    .slice(at + 1)
    .split(',')
    .map(hostIn);
  if (path !== '' && path !== '/')
    throw new UrlProblem('nothing but ?name=value after the hosts', path.startsWith('#') ? 'a #' : 'a path');
  const parameters = query === undefined ? {} : parametersIn(query);
  mustFit(parameters);
  const isCluster = /\+discover:/i.test(scheme) || hosts.length > 1;
  return { hosts, isCluster, hasTls: parameters.tls !== false, ...username, parameters };
};

/** An @ behind the hosts, other than in a name or a path, has the rest of a password before it and the host behind it. */
const mustHoldNoCredentials = (path: string, query = ''): void => {
  const isHeld = (pair: string) =>
    pair.includes('@') && !NAMES.some((name) => PARAMETERS[name].isText && isNamed(pair, name));
  if (path.includes('@') || query.split('&').some(isHeld))
    throw new UrlProblem(`user and password percent-encoded, ${ENCODED}`, 'a /, ? or # before the @');
};

const credentialsIn = (text: string): Pick<EsdbAddress, 'username' | 'credentials'> => {
  const [user = '', password = '', ...more] = text.split(':');
  if (text.includes('@') || more.length > 0)
    throw new UrlProblem(
      `user and password percent-encoded, ${ENCODED}`,
      `a raw ${text.includes('@') ? '@' : ':'} in them`,
    );
  if (user === '') throw new UrlProblem('a user before the @', 'none');
  const username = decoded(user, 'user');
  return password === ''
    ? { username }
    : { username, credentials: { username, password: decoded(password, 'password') } };
};

const HOST_NAME = /^[a-z\d_]([\w.-]{0,251}[a-z\d_])?$/i;

const hostIn = (text: string, index: number): Host => {
  const [, address = '', port] = /^(\[[^\]]*\]|[^:]*)(?::(.*))?$/s.exec(text) ?? [];
  const which = `host ${index + 1}`;
  const isAddress = address.startsWith('[') ? isIP(address.slice(1, -1)) === 6 : HOST_NAME.test(address);
  if (address === '') throw new UrlProblem(`a name or an address for ${which}`, 'none');
  if (!isAddress)
    throw new UrlProblem(`a name, an IPv4 address or an IPv6 address in brackets for ${which}`, 'something else');
  if (port === undefined) return { address, port: DEFAULT_PORT };
  const number = /^\d{1,5}$/.test(port) ? Number(port) : 0;
  if (number < 1 || number > 65_535)
    throw new UrlProblem(`a port from 1 to 65535 for ${which}, and an @ behind a user and a password`, 'another port');
  return { address, port: number };
};

type Read = (text: string) => string | number | boolean | undefined;
type Parameter = Readonly<{ expected: string; read: Read; isText?: boolean }>;

const flag: Parameter = {
  expected: 'true or false',
  read: (text) => (/^(true|false)$/.test(text) ? text === 'true' : undefined),
};
const count = (unit: string, least: number, orOff = false): Parameter => ({
  expected: `a whole number of ${unit} from ${least} to ${MOST}${orOff ? ', or -1 for none' : ''}`,
  read: (text) => {
    const value = /^-?\d{1,10}$/.test(text) ? Number(text) : NaN;
    return (value >= least && value <= MOST) || (orOff && value === -1) ? value : undefined;
  },
});
/** Node's timers end here. */
const MOST = 2 ** 31 - 1;
const file: Parameter = { expected: 'the path of a file, percent-encoded', read: plain, isText: true };
/** The client warns of a shorter one. */
const LEAST_KEEP_ALIVE_MS = 10_000;
const NODES = ['leader', 'follower', 'random', 'read_only_replica'];

const PARAMETERS: Readonly<Record<keyof EsdbParameters, Parameter>> = {
  tls: flag,
  tlsVerifyCert: {
    expected:
      'true, as certificates are always verified: name the CA in tlsCAFile, or trust it with NODE_EXTRA_CA_CERTS',
    read: (text) => (text === 'true' ? true : undefined),
  },
  throwOnAppendFailure: flag,
  tlsCAFile: file,
  userCertFile: file,
  userKeyFile: file,
  connectionName: { expected: 'a percent-encoded name', read: plain, isText: true },
  nodePreference: {
    expected: `one of ${NODES.join(', ')}`,
    read: (text) => NODES.find((node) => flat(node) === flat(text)),
  },
  defaultDeadline: count('milliseconds', 1),
  discoveryInterval: count('milliseconds', 1),
  gossipTimeout: count('seconds', 1),
  maxDiscoverAttempts: count('attempts', 1),
  keepAliveInterval: count('milliseconds', LEAST_KEEP_ALIVE_MS, true),
  keepAliveTimeout: count('milliseconds', 1, true),
};
const NAMES = Object.keys(PARAMETERS) as (keyof EsdbParameters)[];

function plain(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}

const isNamed = (pair: string, name: string): boolean => flat(pair.split('=', 1)[0]!) === flat(name);

/** As the client compares names. */
const flat = (text: string): string => text.toLowerCase().replace(/[_-]/g, '');

/** Each parameter once, and each with a value. */
const parametersIn = (query: string): EsdbParameters => {
  const read: Record<string, string | number | boolean> = {};
  for (const pair of query === '' ? [] : query.split('&')) {
    const [, name = '', value = ''] = /^([^=]*)=(.+)$/s.exec(pair) ?? [];
    if (name === '' || value.includes('?') || value.includes('#'))
      throw new UrlProblem('?name=value&name=value after the hosts', 'something else there');
    const known = NAMES.find((each) => flat(each) === flat(name));
    // What is hidden may be the rest of a password that holds a question mark.
    const shownName = query.includes('@') ? '[hidden]' : shownWord(name);
    if (!known) throw new UrlProblem(`parameters out of ${NAMES.join(', ')}`, `the unknown parameter ${shownName}`);
    if (known in read) throw new UrlProblem(`the parameter ${known} once`, 'it twice');
    const { expected, read: parse, isText } = PARAMETERS[known];
    const parsed = parse(value);
    if (parsed === undefined)
      throw new UrlProblem(`${known} to be ${expected}`, isText || query.includes('@') ? '[hidden]' : shownWord(value));
    read[known] = parsed;
  }
  return read;
};

const mustFit = ({ tls, tlsCAFile, userCertFile, userKeyFile }: EsdbParameters): void => {
  if ((userCertFile === undefined) !== (userKeyFile === undefined))
    throw new UrlProblem(
      'userCertFile and userKeyFile together',
      `${userCertFile === undefined ? 'userKeyFile' : 'userCertFile'} alone`,
    );
  if (tls === false && (tlsCAFile ?? userCertFile) !== undefined)
    throw new UrlProblem(`no ${tlsCAFile === undefined ? 'userCertFile' : 'tlsCAFile'} where tls=false`, 'both');
};
