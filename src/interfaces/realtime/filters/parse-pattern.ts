import { FilterRefused } from './read-filter.js';

export type Test = (char: string) => boolean;

export type Node =
  | Readonly<{ type: 'char'; test: Test }>
  | Readonly<{ type: 'assert'; holds: (text: readonly string[], at: number) => boolean }>
  | Readonly<{ type: 'sequence' | 'choice'; parts: readonly Node[] }>
  | Readonly<{ type: 'repeat'; part: Node; min: number; max: number }>;

/** Characters of a pattern, and how often a part of it may be asked for: as many as Postgres allows. */
const LENGTH = 1_000;
const TIMES = 255;

const WORD: Test = (char) => /^[\p{L}\p{N}_]$/u.test(char);
const not =
  (test: Test): Test =>
  (char) =>
    !test(char);

const CLASSES: Readonly<Record<string, Test>> = {
  d: (char) => /^\p{Nd}$/u.test(char),
  s: (char) => /^\s$/.test(char),
  w: WORD,
};

const NAMED: Readonly<Record<string, Test>> = {
  alpha: (char) => /^\p{L}$/u.test(char),
  digit: (char) => /^\p{Nd}$/u.test(char),
  alnum: (char) => /^[\p{L}\p{N}]$/u.test(char),
  upper: (char) => /^\p{Lu}$/u.test(char),
  lower: (char) => /^\p{Ll}$/u.test(char),
  space: (char) => /^\s$/.test(char),
  blank: (char) => char === ' ' || char === '\t',
  punct: (char) => /^[!-/:-@[-`{-~]$/.test(char),
  xdigit: (char) => /^[\da-f]$/i.test(char),
};

const isWord = (text: readonly string[], at: number) => text[at] !== undefined && WORD(text[at]);
const ASSERTIONS: Readonly<Record<string, (text: readonly string[], at: number) => boolean>> = {
  '^': (_, at) => at === 0,
  A: (_, at) => at === 0,
  $: (text, at) => at === text.length,
  Z: (text, at) => at === text.length,
  m: (text, at) => !isWord(text, at - 1) && isWord(text, at),
  M: (text, at) => isWord(text, at - 1) && !isWord(text, at),
  y: (text, at) => isWord(text, at - 1) !== isWord(text, at),
  Y: (text, at) => isWord(text, at - 1) === isWord(text, at),
};

const CONTROL: Readonly<Record<string, string>> = { n: '\n', t: '\t', r: '\r', f: '\f', v: '\v' };

const refused = (why: string) => new FilterRefused(`ERROR P0001 (raise_exception) invalid regular expression: ${why}`);

/** @throws FilterRefused */
export const parsePattern = (pattern: string, ignoreCase: boolean): Node => {
  const chars = [...pattern];
  if (chars.length > LENGTH) throw refused(`more than ${LENGTH} characters`);
  let at = 0;
  const takes = (text: string): boolean => {
    if (!text || chars.slice(at, at + text.length).join('') !== text) return false;
    at += text.length;
    return true;
  };

  const folded = (test: Test): Test =>
    ignoreCase ? (one) => test(one) || test(one.toLowerCase()) || test(one.toUpperCase()) : test;
  const same = (wanted: string): Test => folded((one) => one === wanted);
  const char = (test: Test): Node => ({ type: 'char', test });

  const choice = (): Node => {
    const parts = [sequence()];
    while (takes('|')) parts.push(sequence());
    return parts.length === 1 ? parts[0]! : { type: 'choice', parts };
  };

  const sequence = (): Node => {
    const parts: Node[] = [];
    while (at < chars.length && chars[at] !== '|' && chars[at] !== ')') parts.push(repeated(atom()));
    return { type: 'sequence', parts };
  };

  const repeated = (part: Node): Node => {
    const times = quantifier();
    if (!times) return part;
    if (part.type === 'assert') throw refused('quantifier operand invalid');
    // Whether as few or as many as possible are taken does not change whether there is a match.
    takes('?');
    if (quantifier()) throw refused('quantifier operand invalid');
    return { type: 'repeat', part, ...times };
  };

  const quantifier = (): Readonly<{ min: number; max: number }> | undefined => {
    if (takes('*')) return { min: 0, max: Infinity };
    if (takes('+')) return { min: 1, max: Infinity };
    if (takes('?')) return { min: 0, max: 1 };
    if (chars[at] !== '{') return undefined;
    const [all, from = '', comma, to] =
      /^\{(\d{1,3})(?:(,)(\d{1,3})?)?\}/.exec(chars.slice(at, at + 10).join('')) ?? [];
    if (all === undefined) throw refused('invalid repetition count(s)');
    at += all.length;
    const min = Number(from);
    const max = to !== undefined ? Number(to) : comma ? Infinity : min;
    if (min > TIMES || (max > TIMES && max !== Infinity) || min > max) throw refused('invalid repetition count(s)');
    return { min, max };
  };

  const atom = (): Node => {
    const one = chars[at++]!;
    if (one === '(') return group();
    if (one === '[') return char(bracket());
    if (one === '.') return char(() => true);
    if (one === '\\') return escaped();
    if ('*+?{'.includes(one)) throw refused('quantifier operand invalid');
    const holds = one === '^' || one === '$' ? ASSERTIONS[one] : undefined;
    return holds ? { type: 'assert', holds } : char(same(one));
  };

  const group = (): Node => {
    if (takes('?') && !takes(':')) throw refused('look-around and options are not supported');
    const inside = choice();
    if (!takes(')')) throw refused('parentheses () not balanced');
    return inside;
  };

  const escaped = (): Node => {
    const one = chars[at++];
    if (one === undefined) throw refused('invalid escape \\ sequence');
    const holds = ASSERTIONS[one];
    if (holds && /[A-Za-z]/.test(one)) return { type: 'assert', holds };
    return char(escapedTest(one));
  };

  const escapedTest = (one: string): Test => {
    const known = CLASSES[one.toLowerCase()];
    if (known) return one === one.toLowerCase() ? known : not(known);
    if (CONTROL[one]) return same(CONTROL[one]);
    if (/[\p{L}\p{N}]/u.test(one)) throw refused(`\\${one} is not supported`);
    return same(one);
  };

  const bracket = (): Test => {
    const isNegated = takes('^');
    const tests: Test[] = [];
    for (let isFirst = true; isFirst || chars[at] !== ']'; isFirst = false) {
      if (at >= chars.length) throw refused('brackets [] not balanced');
      tests.push(member());
    }
    at += 1;
    const any = folded((one) => tests.some((test) => test(one)));
    return isNegated ? not(any) : any;
  };

  const member = (): Test => {
    if (takes('[:')) {
      const end = chars.indexOf(':', at);
      const named = NAMED[chars.slice(at, end).join('')];
      if (!named || chars[end + 1] !== ']') throw refused('invalid character class');
      at = end + 2;
      return named;
    }
    const from = chars[at++]!;
    if (from === '\\') return escapedTest(chars[at++] ?? '');
    if (chars[at] !== '-' || chars[at + 1] === ']' || at + 1 >= chars.length) return same(from);
    const to = chars[at + 1]!;
    at += 2;
    const [low, high] = [from.codePointAt(0)!, to.codePointAt(0)!];
    if (low > high) throw refused('invalid character range');
    return (one) => one.codePointAt(0)! >= low && one.codePointAt(0)! <= high;
  };

  const whole = choice();
  if (at < chars.length) throw refused('parentheses () not balanced');
  return whole;
};
