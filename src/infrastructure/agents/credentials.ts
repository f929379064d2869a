/** What calls of one agent carry beside the work: headers and the secrets that sign. Read from settings and from files. */
import { statSync } from 'node:fs';
import { keyOf, SECRET_PREFIX } from '../../application/webhooks/signature.js';
import type { AgentCredentialValues } from '../config/variables.js';
import { readSmallFile } from '../system/small-file.js';
import { readHeaderLines } from './header-lines.js';
import { searchable } from './hidden-secrets.js';

export type Credentials = Readonly<{
  /** By name in lower case. */
  headers: Readonly<Record<string, string>>;
  /** `whsec_...`, the first the latest; where there is none, calls are not signed. */
  signingSecrets: readonly string[];
  /** All of it that came from files, to be found where an agent repeats it. */
  secrets: readonly string[];
}>;

/** Of each file, bytes. Servers take 16 KiB of headers in all. */
const MOST_BYTES = 16 * 1024;
/** RFC 6750, b64token. */
const TOKEN = /^[A-Za-z0-9._~+/-]+=*$/;
const MOST_SECRETS = 2;
/** Bytes of a secret, as Standard Webhooks has them. */
const SECRET_BYTES = { min: 24, max: 64 };

/** Names of headers that hold secrets as a rule. In a plain variable every process of the user sees them. */
const LOOKS_SECRET = /auth|cookie|token|secret|passw|key|credential|signature/;

type Part = Readonly<{ setting: string; problems: string[] }>;

/**
 * @param agent in upper case, as in the names of its settings
 * @param values with absolute paths
 * @returns problems: one sentence each, with the name of the setting, what was expected and what came, and no secret
 */
export const readCredentials = (
  agent: string,
  values: AgentCredentialValues,
): Readonly<{ credentials: Credentials; problems: readonly string[] }> => {
  const problems: string[] = [];
  const part = (setting: string): Part => ({ setting: `AGENT_${agent}_${setting}`, problems });
  const plain = plainHeaders(part('HEADERS'), values.HEADERS);
  const secret = new Map(fileHeaders(part('HEADERS_FILE'), values.HEADERS_FILE));
  const token = tokenIn(part('TOKEN_FILE'), values.TOKEN_FILE);
  const signingSecrets = signingSecretsIn(part('SIGNING_SECRET_FILE'), values.SIGNING_SECRET_FILE);
  for (const name of [...plain.keys()].filter((each) => secret.has(each)))
    problems.push(`AGENT_${agent}_HEADERS: expected none that AGENT_${agent}_HEADERS_FILE has as well, got ${name}.`);
  if (token !== undefined && secret.has('authorization'))
    problems.push(
      `AGENT_${agent}_TOKEN_FILE: expected no authorization in AGENT_${agent}_HEADERS_FILE beside it, got one.`,
    );
  if (token !== undefined) secret.set('authorization', `Bearer ${token}`);
  const credentials = {
    headers: Object.fromEntries([...plain, ...secret]),
    signingSecrets,
    secrets: searchable([...[...secret.values()].flatMap(partsOf), ...signingSecrets.flatMap(withoutPrefix)]),
  };
  return { credentials, problems };
};

const plainHeaders = (part: Part, text: string | undefined): ReadonlyMap<string, string> => {
  if (text === undefined) return new Map();
  const headers = headersIn(part, text);
  for (const name of [...headers.keys()].filter((each) => LOOKS_SECRET.test(each)))
    part.problems.push(
      `${part.setting}: expected no header that holds a secret, got ${name}. Put it into ${part.setting}_FILE.`,
    );
  return headers;
};

const fileHeaders = (part: Part, file: string | undefined): ReadonlyMap<string, string> => {
  const text = textOf(part, file);
  return text === undefined ? new Map() : headersIn(part, text);
};

const headersIn = ({ setting, problems }: Part, text: string): ReadonlyMap<string, string> => {
  const { headers, problems: found } = readHeaderLines(text);
  problems.push(...found.map((problem) => `${setting}: ${problem}`));
  return headers;
};

const tokenIn = (part: Part, file: string | undefined): string | undefined => {
  const token = textOf(part, file)?.replace(/\r?\n$/, '');
  if (token === undefined || TOKEN.test(token)) return token;
  const found = token === '' ? 'an empty file' : /[\r\n]/.test(token) ? 'several lines' : 'other characters';
  part.problems.push(
    `${part.setting}: expected a file with a bearer token alone, of letters, digits and -._~+/ with = at the end, got ${found}.`,
  );
  return undefined;
};

const signingSecretsIn = (part: Part, file: string | undefined): readonly string[] => {
  const text = textOf(part, file);
  if (text === undefined) return [];
  const lines = text.split(/\r?\n/).filter((line) => line !== '' && !line.startsWith('#'));
  if (lines.length === 0 || lines.length > MOST_SECRETS || !lines.every(isSigningSecret))
    part.problems.push(
      `${part.setting}: expected a file with one line of whsec_ and the base64 of ${SECRET_BYTES.min} to ${SECRET_BYTES.max} bytes, ` +
        `or ${MOST_SECRETS} of them while the secret changes, got ${lines.length > MOST_SECRETS ? `${lines.length} lines` : 'something else'}.`,
    );
  return lines;
};

/** Buffer skips what it does not understand: only whole base64 comes out as it went in. */
const isSigningSecret = (line: string): boolean => {
  if (!line.startsWith(SECRET_PREFIX)) return false;
  const key = keyOf(line);
  const isWhole = key.toString('base64') === line.slice(SECRET_PREFIX.length);
  return isWhole && key.byteLength >= SECRET_BYTES.min && key.byteLength <= SECRET_BYTES.max;
};

const textOf = ({ setting, problems }: Part, file: string | undefined): string | undefined => {
  if (file === undefined) return undefined;
  try {
    // To open a pipe may block this process.
    if (!statSync(file).isFile()) {
      problems.push(`${setting}: expected a regular file, got ${JSON.stringify(file)}, which is none.`);
      return undefined;
    }
    const bytes = readSmallFile(file, MOST_BYTES);
    if (bytes.byteLength <= MOST_BYTES) return bytes.toString('utf8');
    problems.push(`${setting}: expected a file of at most ${MOST_BYTES} bytes, got more in ${JSON.stringify(file)}.`);
  } catch (error) {
    const { code = 'an error' } = error as NodeJS.ErrnoException;
    problems.push(`${setting}: expected a file that can be read, got ${JSON.stringify(file)} (${code}).`);
  }
  return undefined;
};

/** A value, what follows its scheme (`Bearer`), and of `Basic` the password in clear: an agent may repeat any of them. */
const partsOf = (value: string): readonly string[] => {
  const [, scheme, rest] = /^([\w-]+) +(\S+)$/.exec(value) ?? [];
  if (rest === undefined) return [value];
  if (scheme?.toLowerCase() !== 'basic') return [value, rest];
  const [, password = ''] = /^[^:]*:(.*)$/s.exec(Buffer.from(rest, 'base64').toString('utf8')) ?? [];
  return [value, rest, password];
};

const withoutPrefix = (secret: string): readonly string[] => [secret, secret.slice(SECRET_PREFIX.length)];
