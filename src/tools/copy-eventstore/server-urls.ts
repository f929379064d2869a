/** Where the two servers are. No password comes by an argument: every user of the machine sees those of each process. */
import { readEsdbUrl } from '../../infrastructure/eventstore/esdb-url.js';
import { passwordIn, withPassword } from '../../infrastructure/config/password-file.js';
import { UrlProblem } from '../../infrastructure/config/url-problem.js';

type Side = 'from' | 'to';
type Given = Readonly<Partial<Record<Side, string>>>;
type Environment = Readonly<Record<string, string | undefined>>;

/** @throws Error that names the option or variable, and shows no password */
export const serverUrls = (options: Given, env: Environment): Readonly<Record<Side, string>> => ({
  from: urlOf('from', options, env),
  to: urlOf('to', options, env),
});

const urlOf = (side: Side, options: Given, env: Environment): string => {
  const [option, variable] = [`--${side}`, `COPY_${side.toUpperCase()}_URL`];
  const fileVariable = `COPY_${side.toUpperCase()}_PASSWORD_FILE`;
  const [argument, own, file] = [options[side], env[variable]?.trim() || undefined, env[fileVariable]?.trim()];
  const [name, url] = argument === undefined ? [variable, own] : [option, argument];
  if (url === undefined)
    throw new Error(`Expected --from URL and --to URL, or COPY_FROM_URL and COPY_TO_URL; ${option} is missing`);
  if (argument !== undefined && own !== undefined) throw new Error(`Expected ${option} or ${variable}, got both`);
  const { username, credentials } = inWords(name, () => readEsdbUrl(url));
  if (argument !== undefined && credentials)
    throw new Error(
      `${option}: expected a URL without a password, since every user of this machine sees the arguments of a process; got one with it. ` +
        `Set ${variable} in its place, or leave the password out and name a file with it in ${fileVariable}`,
    );
  if (!file) {
    if (username === undefined || credentials) return url;
    throw new Error(
      `${name}: expected a password for its user, in ${variable} or in ${fileVariable}; got a user without one`,
    );
  }
  if (credentials) throw new Error(`${fileVariable}: expected one password, in ${variable} or in the file; got both`);
  if (username === undefined)
    throw new Error(`${fileVariable}: expected a user in ${name}, whose password the file holds; got none`);
  return withPassword(
    url,
    inWords(fileVariable, () => passwordIn(file)),
  );
};

const inWords = <T>(name: string, read: () => T): T => {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof UrlProblem)) throw error;
    throw new Error(`${name}: ${error.message}`, { cause: error });
  }
};
