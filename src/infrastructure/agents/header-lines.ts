/** Headers as an operator writes them for one agent: one `Name: value` a line, lines that begin with # left out. */

/** What each call carries anyway, what says where it ends, and what concerns one connection only. */
const RESERVED: ReadonlySet<string> = new Set([
  ...['content-type', 'content-length', 'content-encoding', 'host', 'accept', 'accept-encoding', 'user-agent', 'date'],
  ...['idempotency-key', 'traceparent', 'tracestate', 'x-deadline', 'x-timeout-ms', 'x-task-token', 'x-task-url'],
  ...['x-installation-token', 'webhook-id', 'webhook-timestamp', 'webhook-signature'],
  ...['connection', 'keep-alive', 'proxy-connection', 'proxy-authenticate', 'proxy-authorization', 'te', 'trailer'],
  ...['transfer-encoding', 'upgrade', 'expect'],
]);

export const isReserved = (name: string): boolean => RESERVED.has(name.toLowerCase());

const NAME = /^[!#$%&'*+.^_`|~\w-]{1,128}$/;
/** No control characters and nothing beyond ASCII, which servers read in different ways. */
const VALUE = /^[\x21-\x7e]([\x20-\x7e\t]*[\x21-\x7e])?$/;
const LONGEST_VALUE = 8 * 1024;
const MOST_HEADERS = 50;

/** Problems are sentences to which the caller puts the name of the setting. They show no value. */
type HeaderLines = Readonly<{ headers: ReadonlyMap<string, string>; problems: readonly string[] }>;

/** Names come in lower case. */
export const readHeaderLines = (text: string): HeaderLines => {
  const headers = new Map<string, string>();
  const problems: string[] = [];
  for (const [index, line] of text.split(/\r?\n/).entries()) {
    if (line.trim() === '' || line.startsWith('#')) continue;
    const problem = addLine(line, headers);
    if (problem !== undefined) problems.push(`line ${index + 1}: ${problem}.`);
  }
  if (headers.size > MOST_HEADERS) problems.push(`expected at most ${MOST_HEADERS} headers, got ${headers.size}.`);
  if (headers.size === 0 && problems.length === 0) problems.push('expected a header as `Name: value`, got none.');
  return { headers, problems };
};

const addLine = (line: string, headers: Map<string, string>): string | undefined => {
  const colon = line.indexOf(':');
  if (colon < 0) return 'expected `Name: value`, got a line without a colon';
  const name = line.slice(0, colon).trim();
  const value = line.slice(colon + 1).trim();
  // What is no name may be a part of a secret, so it is not shown.
  if (!NAME.test(name)) return 'expected the name of a header before the colon, got something else';
  const lower = name.toLowerCase();
  if (isReserved(name)) return `expected a header that calls do not have already or must not have, got ${lower}`;
  if (headers.has(lower)) return `expected each header once, got ${lower} again`;
  headers.set(lower, value);
  if (value.length > LONGEST_VALUE)
    return `${lower}: expected at most ${LONGEST_VALUE} characters, got ${value.length}`;
  if (!VALUE.test(value)) return `${lower}: expected a value of visible ASCII characters, got none or others`;
  return undefined;
};
