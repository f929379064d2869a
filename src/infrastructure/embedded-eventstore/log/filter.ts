import { RE2JS } from 're2js';
import type { Streams } from '../wire/protocol.js';
import type { Scanned } from '../storage/reader.js';
import { handlerFailed, invalidArgument } from '../wire/errors.js';

/** Whether an event of `$all` is wanted. Links are judged by themselves, not by what they point to. */
export type Filter = Readonly<{
  matches: (event: Pick<Scanned, 'stream' | 'type'>) => boolean;
  /** Whether one look at an event may take a thousand times as long as the look at another. */
  isCostly: boolean;
}>;

export type FilterOptions = Readonly<{
  filter: Filter;
  /** Events looked at between two checkpoints. */
  checkpointEvery: number;
}>;

/** The server's window when the caller asks for none. */
const DEFAULT_WINDOW = 32;
const MAX_EXPRESSION_CHARS = 1_000;
/** Steps of an expression as it is compiled: `{m,n}` multiplies what it stands behind. */
const MAX_EXPRESSION_STEPS = 2_000;
const MAX_PREFIXES = 1_000;
/** Prefixes that are looked at in no time. */
const FEW_PREFIXES = 16;

/** @throws a refusal for a checkpoint interval of 0, and as `parseFilter` */
export function parseSubscriptionFilter(options: Streams.ReadReq.Options.FilterOptions): FilterOptions {
  const filter = parseFilter(options);
  const interval = options.getCheckpointintervalmultiplier();
  if (interval === 0) throw invalidArgument('Expected a checkpoint interval of at least 1, got 0');
  const window = options.hasMax() ? options.getMax() : DEFAULT_WINDOW;
  return { filter, checkpointEvery: Math.max(1, window * interval) };
}

/** @throws a refusal for an expression that cannot be used, and for a window that is missing */
export function parseFilter(options: Streams.ReadReq.Options.FilterOptions): Filter {
  if (!options.hasMax() && !options.hasCount()) throw invalidArgument('Expected a search window, or the default one');
  const [byStream, byType] = [options.getStreamIdentifier(), options.getEventType()];
  if (byStream) {
    const { matches, isCostly } = textFilter(byStream);
    return { matches: ({ stream }) => matches(stream), isCostly };
  }
  if (byType) {
    const { matches, isCostly } = textFilter(byType);
    return { matches: ({ type }) => matches(type), isCostly };
  }
  throw invalidArgument('Expected a filter on stream names or event types, got neither');
}

type TextFilter = Readonly<{ matches: (text: string) => boolean; isCostly: boolean }>;

function textFilter(expression: Streams.ReadReq.Options.FilterOptions.Expression): TextFilter {
  const source = expression.getRegex();
  if (source !== '') {
    const compiled = compile(source);
    return { matches: (text) => compiled.test(text), isCostly: true };
  }
  const prefixes = expression.getPrefixList();
  // Of neither an expression nor prefixes nothing begins with one of them.
  if (prefixes.length > MAX_PREFIXES) {
    throw invalidArgument(`Expected a regular expression or at most ${MAX_PREFIXES} prefixes, got ${prefixes.length}`);
  }
  const matches = (text: string) => prefixes.some((prefix) => text.startsWith(prefix));
  return { matches, isCostly: prefixes.length > FEW_PREFIXES };
}

const isExpression = (source: string): boolean => {
  try {
    return Boolean(new RegExp(source));
  } catch {
    return false;
  }
};

/** In time that grows with the text alone, whatever the expression is: it is a client's, and JavaScript's own would try all ways. */
function compile(source: string): RE2JS {
  if (source.length > MAX_EXPRESSION_CHARS) {
    throw invalidArgument(
      `Expected a regular expression of at most ${MAX_EXPRESSION_CHARS} characters, got ${source.length}`,
    );
  }
  let compiled: RE2JS;
  try {
    compiled = RE2JS.compile(RE2JS.translateRegExp(source));
  } catch (error) {
    const why = (error as Error).message;
    // What JavaScript's own takes is none of those that nobody takes.
    const refuse = isExpression(source) ? invalidArgument : handlerFailed;
    throw refuse(`Not a regular expression, or one with back references or look-around: ${why}`);
  }
  if (compiled.programSize() > MAX_EXPRESSION_STEPS) {
    throw invalidArgument(
      `Expected a regular expression of at most ${MAX_EXPRESSION_STEPS} steps, got ${compiled.programSize()}: ask for fewer repetitions`,
    );
  }
  return compiled;
}
