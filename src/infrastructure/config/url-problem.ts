/** What is wrong with a URL, in words without any part of it that may be secret. */
export class UrlProblem extends Error {
  constructor(
    readonly expected: string,
    readonly got: string,
  ) {
    super(`expected ${expected}; got ${got}`);
  }
}

export const ENCODED = 'with %40 for @, %3A for :, %2F for /, %3F for ?, %23 for # and %25 for %';

/** `host`, `/path` or `#...`, and what stands behind the first `?`. */
export const partsOf = (rest: string): readonly [authority: string, path: string, query: string | undefined] => {
  const end = rest.search(/[/?#]/);
  const [authority, after] = end < 0 ? [rest, ''] : [rest.slice(0, end), rest.slice(end)];
  const query = after.indexOf('?');
  return query < 0 ? [authority, after, undefined] : [authority, after.slice(0, query), after.slice(query + 1)];
};

/** @throws UrlProblem */
export const decoded = (text: string, what: string): string => {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new UrlProblem(`a percent-encoded ${what}, ${ENCODED}`, 'a % that begins no code');
  }
};

/** Words only: anything else may be a part of a password. */
export const shownWord = (text: string): string => (/^[\w.-]{1,40}$/.test(text) ? `"${text}"` : '[hidden]');

/** Of a text that is no URL of ours, the scheme at most. */
export const shownScheme = (text: string): string => {
  const scheme = /^[a-z][a-z+]{0,20}:\/\//i.exec(text)?.[0];
  return scheme ? `"${scheme}[hidden]"` : `[hidden] (${text.length} characters)`;
};
