/** A regular expression as Postgres writes it -> its tree, by recursive descent. */
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
  return new PatternParser(chars, ignoreCase).whole();
};

const charNode = (test: Test): Node => ({ type: 'char', test });

class PatternParser {
  private at = 0;

  constructor(
    private readonly chars: readonly string[],
    private readonly ignoreCase: boolean,
  ) {}

  whole(): Node {
    const whole = this.choice();
    if (this.at < this.chars.length) throw refused('parentheses () not balanced');
    return whole;
  }

  private choice(): Node {
    const parts = [this.sequence()];
    while (this.takes('|')) parts.push(this.sequence());
    return parts.length === 1 ? parts[0]! : { type: 'choice', parts };
  }

  private sequence(): Node {
    const parts: Node[] = [];
    while (this.at < this.chars.length && this.next !== '|' && this.next !== ')')
      parts.push(this.repeated(this.atom()));
    return { type: 'sequence', parts };
  }

  private repeated(part: Node): Node {
    const times = this.quantifier();
    if (!times) return part;
    if (part.type === 'assert') throw refused('quantifier operand invalid');
    // Whether as few or as many as possible are taken does not change whether there is a match.
    this.takes('?');
    if (this.quantifier()) throw refused('quantifier operand invalid');
    return { type: 'repeat', part, ...times };
  }

  private quantifier(): Readonly<{ min: number; max: number }> | undefined {
    if (this.takes('*')) return { min: 0, max: Infinity };
    if (this.takes('+')) return { min: 1, max: Infinity };
    if (this.takes('?')) return { min: 0, max: 1 };
    if (this.next !== '{') return undefined;
    const [all, from = '', comma, to] =
      /^\{(\d{1,3})(?:(,)(\d{1,3})?)?\}/.exec(this.chars.slice(this.at, this.at + 10).join('')) ?? [];
    if (all === undefined) throw refused('invalid repetition count(s)');
    this.at += all.length;
    const min = Number(from);
    const max = to !== undefined ? Number(to) : comma ? Infinity : min;
    if (min > TIMES || (max > TIMES && max !== Infinity) || min > max) throw refused('invalid repetition count(s)');
    return { min, max };
  }

  private atom(): Node {
    const char = this.chars[this.at++]!;
    if (char === '(') return this.group();
    if (char === '[') return charNode(this.bracket());
    if (char === '.') return charNode(() => true);
    if (char === '\\') return this.escaped();
    if ('*+?{'.includes(char)) throw refused('quantifier operand invalid');
    const holds = char === '^' || char === '$' ? ASSERTIONS[char] : undefined;
    return holds ? { type: 'assert', holds } : charNode(this.same(char));
  }

  private group(): Node {
    if (this.takes('?') && !this.takes(':')) throw refused('look-around and options are not supported');
    const inside = this.choice();
    if (!this.takes(')')) throw refused('parentheses () not balanced');
    return inside;
  }

  private escaped(): Node {
    const char = this.chars[this.at++];
    if (char === undefined) throw refused('invalid escape \\ sequence');
    const holds = ASSERTIONS[char];
    if (holds && /[A-Za-z]/.test(char)) return { type: 'assert', holds };
    return charNode(this.escapedTest(char));
  }

  private escapedTest(char: string): Test {
    const known = CLASSES[char.toLowerCase()];
    if (known) return char === char.toLowerCase() ? known : not(known);
    if (CONTROL[char]) return this.same(CONTROL[char]);
    if (/[\p{L}\p{N}]/u.test(char)) throw refused(`\\${char} is not supported`);
    return this.same(char);
  }

  private bracket(): Test {
    const isNegated = this.takes('^');
    const tests: Test[] = [];
    for (let isFirst = true; isFirst || this.next !== ']'; isFirst = false) {
      if (this.at >= this.chars.length) throw refused('brackets [] not balanced');
      tests.push(this.member());
    }
    this.at += 1;
    const any = this.folded((char) => tests.some((test) => test(char)));
    return isNegated ? not(any) : any;
  }

  private member(): Test {
    const { chars } = this;
    if (this.takes('[:')) return this.namedClass();
    const from = chars[this.at++]!;
    if (from === '\\') return this.escapedTest(chars[this.at++] ?? '');
    if (this.next !== '-' || chars[this.at + 1] === ']' || this.at + 1 >= chars.length) return this.same(from);
    const to = chars[this.at + 1]!;
    this.at += 2;
    const [low, high] = [from.codePointAt(0)!, to.codePointAt(0)!];
    if (low > high) throw refused('invalid character range');
    return (char) => char.codePointAt(0)! >= low && char.codePointAt(0)! <= high;
  }

  private namedClass(): Test {
    const end = this.chars.indexOf(':', this.at);
    const named = NAMED[this.chars.slice(this.at, end).join('')];
    if (!named || this.chars[end + 1] !== ']') throw refused('invalid character class');
    this.at = end + 2;
    return named;
  }

  private get next(): string | undefined {
    return this.chars[this.at];
  }

  private takes(text: string): boolean {
    if (this.chars.slice(this.at, this.at + text.length).join('') !== text) return false;
    this.at += text.length;
    return true;
  }

  private same(wanted: string): Test {
    return this.folded((char) => char === wanted);
  }

  private folded(test: Test): Test {
    return this.ignoreCase ? (char) => test(char) || test(char.toLowerCase()) || test(char.toUpperCase()) : test;
  }
}
