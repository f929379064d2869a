/** The passwords of both databases: in their URLs, or in files of their own. */
import { credentialsOf, passwordIn, withPassword } from './password-file.js';
import { checkDatabaseUrl } from '../postgres/database-url.js';
import { UrlProblem } from './url-problem.js';
import { Secret } from './variable.js';
import type { Variables } from './variables.js';

const SERVERS = [
  { url: 'DATABASE_URL', file: 'DATABASE_PASSWORD_FILE', needsPassword: false },
  { url: 'EVENTSTORE_URL', file: 'EVENTSTORE_PASSWORD_FILE', needsPassword: true },
] as const;

type Server = (typeof SERVERS)[number];

/**
 * Puts the passwords of files into the URLs.
 * @param malformed names whose values are not known
 * @returns one sentence for each that cannot be
 */
export const addPasswords = (values: Variables, malformed: ReadonlySet<string>, directory: string): readonly string[] =>
  SERVERS.filter(({ url }) => !malformed.has(url)).flatMap((server) => {
    try {
      values[server.url] = complete(server, values[server.url], values[server.file], directory);
      return [];
    } catch (error) {
      if (!(error instanceof UrlProblem)) throw error;
      const name = values[server.file] === undefined ? server.url : server.file;
      return [`${name}: ${error.message}.`];
    }
  });

/** For a program that reads its own environment. @throws Error that names the setting */
export const databaseUrlOf = (url: string | undefined, file: string | undefined): string | undefined => {
  const [server] = SERVERS;
  try {
    if (url !== undefined) checkDatabaseUrl(url);
  } catch (error) {
    throw error instanceof UrlProblem ? new Error(`${server.url}: ${error.message}`, { cause: error }) : error;
  }
  try {
    return complete(server, url === undefined ? undefined : new Secret(url), file, process.cwd())?.reveal();
  } catch (error) {
    throw error instanceof UrlProblem ? new Error(`${server.file}: ${error.message}`, { cause: error }) : error;
  }
};

const complete = (server: Server, url: Secret | undefined, file: string | undefined, directory: string) => {
  const given = url === undefined ? 'none' : credentialsOf(url.reveal());
  if (file === undefined) {
    if (server.needsPassword && given === 'user')
      throw new UrlProblem(
        `a password for its user, as in user:password@host, or in ${server.file}`,
        'a user without one',
      );
    return url;
  }
  if (url === undefined || given === 'none')
    throw new UrlProblem(`${server.url} with a user, whose password the file holds`, url ? 'no user in it' : 'no URL');
  const password = passwordIn(file, directory);
  const complete = withPassword(url.reveal(), password);
  // The same in both is no contradiction: what this process starts gets the URL that is complete.
  if (given === 'both' && complete !== withPassword(complete, passwordOf(url.reveal())))
    throw new UrlProblem(`one password, in ${server.url} or in the file`, 'two that differ');
  return new Secret(complete);
};

const passwordOf = (url: string): string => decodeURIComponent(/^[^/]+:\/\/[^:]*:([^/?#]*)@/.exec(url)?.[1] ?? '');
