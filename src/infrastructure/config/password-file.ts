/** Passwords that come from files, as containers and service managers hand them over. */
import { resolve } from 'node:path';
import { readSmallFile } from '../system/small-file.js';
import { UrlProblem } from './url-problem.js';

const MOST_BYTES = 4096;

/** One line, without its end. @throws UrlProblem */
export const passwordIn = (file: string, directory = process.cwd()): string => {
  const path = resolve(directory, file);
  const text = firstBytes(path).replace(/\r?\n$/, '');
  if (text === '') throw new UrlProblem('a file with the password', `an empty file, ${JSON.stringify(path)}`);
  if (Buffer.byteLength(text) > MOST_BYTES)
    throw new UrlProblem(`a file with a password of at most ${MOST_BYTES} bytes`, `more in ${JSON.stringify(path)}`);
  if (/[\n\r\0]/.test(text))
    throw new UrlProblem('a file with the password in one line', `several lines in ${JSON.stringify(path)}`);
  return text;
};

const firstBytes = (path: string): string => {
  try {
    return readSmallFile(path, MOST_BYTES + 2).toString('utf8');
  } catch (error) {
    const { code = 'an error' } = error as NodeJS.ErrnoException;
    throw new UrlProblem('a file with the password that can be read', `${JSON.stringify(path)} (${code})`);
  }
};

/** Of a connection string, whether it names a user and a password. */
export const credentialsOf = (url: string): 'none' | 'user' | 'both' => {
  const [, user, password] = /^[a-z+]+:\/\/([^/?#@:]*)(?::([^/?#]*))?@/i.exec(url) ?? [];
  if (!user) return 'none';
  return password ? 'both' : 'user';
};

/** The same connection string with that password for its user. */
export const withPassword = (url: string, password: string): string =>
  url.replace(
    /^([a-z+]+:\/\/[^/?#@:]+)(?::[^/?#]*)?@/i,
    (_, user: string) => `${user}:${encodeURIComponent(password)}@`,
  );
