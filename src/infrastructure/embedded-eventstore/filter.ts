import type { Streams } from './protocol.js';
import type { Scanned } from './reader.js';
import { invalidArgument } from './wire-errors.js';

/** Whether an event of `$all` is wanted. Links are judged by themselves, not by what they point to. */
export type Filter = (event: Pick<Scanned, 'stream' | 'type'>) => boolean;

export type FilterOptions = Readonly<{
  matches: Filter;
  /** Events looked at between two checkpoints. */
  checkpointEvery: number;
}>;

/** The server's window when the caller asks for none. */
const DEFAULT_WINDOW = 32;
const MAX_EXPRESSION_CHARS = 1_000;
const MAX_PREFIXES = 1_000;

/** @throws a refusal for a checkpoint interval of 0, and as `parseFilter` */
export function parseSubscriptionFilter(options: Streams.ReadReq.Options.FilterOptions): FilterOptions {
  const matches = parseFilter(options);
  const interval = options.getCheckpointintervalmultiplier();
  if (interval === 0) throw invalidArgument('Expected a checkpoint interval of at least 1, got 0');
  const window = options.hasMax() ? options.getMax() : DEFAULT_WINDOW;
  return { matches, checkpointEvery: Math.max(1, window * interval) };
}

/** @throws a refusal for an expression that cannot be used, and for a window that is not said */
export function parseFilter(options: Streams.ReadReq.Options.FilterOptions): Filter {
  if (!options.hasMax() && !options.hasCount()) throw invalidArgument('Expected a search window, or the default one');
  const [byStream, byType] = [options.getStreamIdentifier(), options.getEventType()];
  if (byStream) {
    const matches = textFilter(byStream);
    return ({ stream }) => matches(stream);
  }
  if (byType) {
    const matches = textFilter(byType);
    return ({ type }) => matches(type);
  }
  throw invalidArgument('Expected a filter on stream names or event types, got neither');
}

function textFilter(expression: Streams.ReadReq.Options.FilterOptions.Expression): (text: string) => boolean {
  const source = expression.getRegex();
  if (source === '') {
    const prefixes = expression.getPrefixList();
    if (prefixes.length === 0 || prefixes.length > MAX_PREFIXES) {
      throw invalidArgument(`Expected a regular expression or 1 to ${MAX_PREFIXES} prefixes, got ${prefixes.length}`);
    }
    return (text) => prefixes.some((prefix) => text.startsWith(prefix));
  }
  if (source.length > MAX_EXPRESSION_CHARS) {
    throw invalidArgument(
      `Expected a regular expression of at most ${MAX_EXPRESSION_CHARS} characters, got ${source.length}`,
    );
  }
  let regex: RegExp;
  try {
    regex = new RegExp(source, 'u');
  } catch {
    try {
      regex = new RegExp(source); // .NET takes escapes that the `u` flag does not
    } catch (error) {
      throw invalidArgument(`Not a regular expression: ${(error as Error).message}`);
    }
  }
  return (text) => regex.test(text);
}
