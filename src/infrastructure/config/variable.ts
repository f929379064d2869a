/** How the text of one environment variable becomes a value. Each has words for what it expects. */
import { isIP } from 'node:net';
import { inspect } from 'node:util';
import { z } from 'zod';
import { isRole, ROLES, type Role } from '../../domain/access/permissions.js';
import { readEsdbUrl } from '../eventstore/esdb-url.js';
import { readTlsFiles } from '../eventstore/tls-files.js';
import { checkDatabaseUrl } from '../postgres/database-url.js';
import { UrlProblem } from './url-problem.js';

/** Text that no log, error or JSON shows: only `reveal()` gives it out. */
export class Secret {
  readonly #text: string;

  constructor(text: string) {
    this.#text = text;
  }

  reveal(): string {
    return this.#text;
  }

  toString(): string {
    return '[hidden]';
  }

  toJSON(): string {
    return '[hidden]';
  }

  [inspect.custom](): string {
    return '[hidden]';
  }
}

/** Node's timers and Postgres' integers end here. */
const MAX_WHOLE = 2 ** 31 - 1;

/** `parse` answers undefined for text that is not what was expected; `fallback` stands for a variable that is not set. */
function variable<T, F extends T | undefined>(expected: string, parse: (text: string) => T | undefined, fallback: F) {
  return z
    .string()
    .optional()
    .transform((text, context): T | F => {
      if (text === undefined) return fallback;
      const value = parse(text);
      if (value !== undefined) return value;
      context.addIssue({ code: 'custom', message: expected });
      return z.NEVER;
    });
}

type Range = Readonly<{ min?: number; max?: number }>;

export function whole(unit: string, fallback: number, range: Range = {}) {
  return variable<number, number>(...wholeIn(unit, range), fallback);
}

/** Where it is not set, there is no number. */
export function wholeIfSet(unit: string, range: Range = {}) {
  return variable<number, undefined>(...wholeIn(unit, range), undefined);
}

function wholeIn(unit: string, { min = 1, max = MAX_WHOLE }: Range) {
  const parse = (text: string) => {
    const value = /^\d{1,15}$/.test(text) ? Number(text) : NaN;
    return value >= min && value <= max ? value : undefined;
  };
  return [`a whole number ${unit && `of ${unit} `}from ${min} to ${max}`, parse] as const;
}

export function oneOf<const T extends string>(choices: readonly T[], fallback: T) {
  return variable(`one of ${choices.join(', ')}`, (text) => choices.find((choice) => choice === text), fallback);
}

/** With commas between. */
export function someOf<const T extends string>(choices: readonly T[]) {
  const parse = (text: string) => {
    const names = text.split(',').map((name) => name.trim());
    const known = names.map((name) => choices.find((choice) => choice === name));
    return known.every((name) => name !== undefined) ? [...new Set(known)] : undefined;
  };
  return variable<readonly T[], readonly T[]>(`some of ${choices.join(', ')}, with commas between`, parse, []);
}

/** Everything that `parse` takes, with commas between, each once. */
function listOf(expected: string, parse: (text: string) => string | undefined) {
  const parseAll = (text: string) => {
    const parsed = text.split(',').map((each) => parse(each.trim()));
    return parsed.every((each) => each !== undefined) ? [...new Set(parsed)] : undefined;
  };
  return variable<readonly string[], readonly string[]>(`${expected}, with commas between`, parseAll, []);
}

const HOST_NAME = /^[a-z\d]([a-z\d.-]{0,251}[a-z\d])?$/i;

/** As URL.hostname has them: in lower case, IPv6 addresses in brackets. */
export function hostNames() {
  return listOf('host names or IP addresses without a port', (text) => {
    if (isIP(text) === 6) return new URL(`http://[${text}]`).hostname;
    return HOST_NAME.test(text) && URL.canParse(`http://${text}`) ? new URL(`http://${text}`).hostname : undefined;
  });
}

const RANGES = ['loopback', 'linklocal', 'uniquelocal'];

/** Names of ranges, addresses, and ranges as `address/bits`. A list that trusts everyone would let each client choose its address. */
export function trustedProxies() {
  const expected =
    'loopback, linklocal, uniquelocal, IP addresses or ranges such as 10.0.0.0/8 (and none of all addresses)';
  return listOf(expected, (text) => (RANGES.includes(text) || isRange(text) ? text : undefined));
}

const isRange = (text: string): boolean => {
  const [address = '', bits, more] = text.split('/');
  const family = isIP(address);
  if (family === 0 || address.includes('%') || more !== undefined) return false;
  if (bits === undefined) return true;
  return /^\d{1,3}$/.test(bits) && Number(bits) >= 1 && Number(bits) <= (family === 4 ? 32 : 128);
};

/** As browsers send them: `https://app.example.com`, without the port where it is the scheme's own. */
export function origins() {
  return listOf('origins such as https://app.example.com or http://localhost:5173', (text) => {
    const url = URL.canParse(text) ? new URL(text) : undefined;
    const isOrigin = /^https?:$/.test(url?.protocol ?? '') && /^https?:\/\/[^/?#@]+\/?$/i.test(text);
    return isOrigin ? url?.origin : undefined;
  });
}

export function ports(fallback: readonly number[]) {
  const parse = (text: string) => {
    const given = text.split(',').map((each) => each.trim());
    const isPort = (each: string) => /^\d{1,5}$/.test(each) && Number(each) >= 1 && Number(each) <= 65_535;
    return given.every(isPort) ? [...new Set(given.map(Number))] : undefined;
  };
  return variable<readonly number[], readonly number[]>('ports from 1 to 65535, with commas between', parse, fallback);
}

const LONGEST_NAME = 255;

/** `name=role`, with commas between: by the provider's name, the roles that it stands for. */
export function roleNames() {
  const parse = (text: string) => {
    const names = new Map<string, readonly Role[]>();
    for (const each of text.split(',')) {
      const at = each.lastIndexOf('=');
      const [name, role] = [each.slice(0, Math.max(at, 0)).trim(), each.slice(at + 1).trim()];
      if (name === '' || name.length > LONGEST_NAME || !isRole(role)) return undefined;
      names.set(name, [...(names.get(name) ?? []), role]);
    }
    return names;
  };
  const expected = `the provider's name and a role (${ROLES.join(', ')}), such as workflow-admins=admin, with commas between`;
  return variable<ReadonlyMap<string, readonly Role[]>, undefined>(expected, parse, undefined);
}

export function variableNames() {
  return listOf('names of variables', (text) => (/^\w{1,128}$/.test(text) ? text : undefined));
}

export function flag(fallback: boolean) {
  const values = new Map([
    ['true', true],
    ['false', false],
  ]);
  return variable('true or false', (text) => values.get(text), fallback);
}

export function text<F extends string | undefined>(expected: string, fallback: F) {
  return variable<string, F>(expected, (given) => (given.includes('\0') ? undefined : given), fallback);
}

/** No log and no error shows it. */
export function secret(expected: string) {
  return variable(expected, (given) => (given.includes('\0') ? undefined : new Secret(given)), undefined);
}

export function host(fallback: string) {
  const parse = (text: string) => (isIP(text) || HOST_NAME.test(text) ? text : undefined);
  return variable('an IP address or a host name', parse, fallback);
}

/** Holds a password as a rule, so it is wrapped. What is wrong with it is said without showing it. */
function connectionString(check: (text: string) => void) {
  return z
    .string()
    .optional()
    .transform((text, context): Secret | undefined => {
      if (text === undefined) return undefined;
      try {
        check(text);
        return new Secret(text);
      } catch (error) {
        if (!(error instanceof UrlProblem)) throw error;
        context.addIssue({ code: 'custom', message: error.expected, params: { got: error.got } });
        return z.NEVER;
      }
    });
}

export const databaseUrl = () => connectionString(checkDatabaseUrl);

/** A KurrentDB's too. */
export const eventStoreUrl = () => connectionString((text) => void readTlsFiles(readEsdbUrl(text).parameters));

const asWebUrl = (text: string) => {
  if (!URL.canParse(text)) return undefined;
  const url = new URL(text);
  const plain = !url.username && !url.password && !url.search && !url.hash;
  return /^https?:$/.test(url.protocol) && plain ? text.replace(/\/+$/, '') : undefined;
};

export function webUrl() {
  return variable('an http or https URL without user name, password, query or fragment', asWebUrl, undefined);
}

/** With commas between. */
export function webUrls() {
  const parse = (text: string) => {
    const urls = text.split(',').map((each) => asWebUrl(each.trim()));
    return urls.every((url) => url !== undefined) ? urls : undefined;
  };
  const expected = 'http or https URLs without user name, password, query or fragment, with commas between';
  return variable<readonly string[], readonly string[]>(expected, parse, []);
}
