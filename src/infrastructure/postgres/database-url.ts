/** Connection strings of Postgres, read as far as the client would misread or pass over what is in them. */
import { accessSync, constants } from 'node:fs';
import { resolve } from 'node:path';
import { decoded, ENCODED, partsOf, shownScheme, shownWord, UrlProblem } from '../config/url-problem.js';

const SCHEME = /^postgres(ql)?:\/\//;
const POSTGRES_EXAMPLE = 'postgres://user:password@host:5432/database';

/** What of the parameters decides whether the line is safe, with its values; none: files, or anything. */
const CHECKED: Readonly<Record<string, readonly string[]>> = {
  sslmode: ['disable', 'allow', 'prefer', 'require', 'verify-ca', 'verify-full', 'no-verify'],
  require_auth: ['scram-sha-256'],
  sslnegotiation: ['postgres', 'direct'],
};
const FILES = ['sslcert', 'sslkey', 'sslrootcert'];

/** @throws UrlProblem. Parameters of other programs, which hosts of databases put in, are left alone. */
export const checkDatabaseUrl = (text: string): void => {
  const scheme = SCHEME.exec(text)?.[0];
  if (scheme === undefined || text.includes('\0') || text === scheme)
    throw new UrlProblem(`a connection string such as ${POSTGRES_EXAMPLE}`, shownScheme(text));
  if (/\s/.test(text)) throw new UrlProblem('a connection string without blanks', 'one with a blank');
  const [authority, path, query] = partsOf(text.slice(scheme.length));
  if (!authority.includes('@') && path.includes('@'))
    throw new UrlProblem(`user and password percent-encoded, ${ENCODED}`, 'a /, ? or # before the @');
  if (path.includes('#') || query?.includes('#')) throw new UrlProblem(`%23 for each #, and no other #`, 'a #');
  const at = authority.lastIndexOf('@');
  decoded(authority.slice(0, Math.max(at, 0)), 'user and password');
  decoded(path, 'name of the database');
  // The one way to leave the host out: a socket's folder is among the parameters then.
  if (authority === '' || (!URL.canParse(text) && !URL.canParse(text.replace('@/', '@socket/'))))
    throw new UrlProblem('a host, and a port from 1 to 65535 where there is one', 'something else behind the user');
  for (const [name, value] of new URLSearchParams(query)) checkParameter(name, value);
};

const flat = (name: string): string => name.toLowerCase().replace(/[_-]/g, '');

const checkParameter = (name: string, value: string): void => {
  const meant = [...Object.keys(CHECKED), ...FILES].find((known) => flat(known) === flat(name));
  if (meant === undefined) return;
  if (meant !== name) throw new UrlProblem(`the parameter ${meant}`, shownWord(name));
  const values = CHECKED[name];
  if (values && !values.includes(value))
    throw new UrlProblem(`${name} to be ${values.length > 1 ? 'one of ' : ''}${values.join(', ')}`, shownWord(value));
  if (!values) mustBeReadable(name, value);
};

const mustBeReadable = (name: string, path: string): void => {
  try {
    accessSync(resolve(path), constants.R_OK);
  } catch (error) {
    const { code = 'an error' } = error as NodeJS.ErrnoException;
    throw new UrlProblem(`${name} to be a file that can be read`, `${JSON.stringify(path)} (${code})`);
  }
};
