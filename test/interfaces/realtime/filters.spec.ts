import { postgresChangesFilter } from '@supabase/supabase-js';
import type { Json } from '../../../src/domain/json.js';
import { compile } from '../../../src/interfaces/realtime/filters/compile.js';
import { posixPattern } from '../../../src/interfaces/realtime/filters/posix-pattern.js';
import { FilterRefused, OPERATORS, readFilter } from '../../../src/interfaces/realtime/filters/read-filter.js';

const columns = [
  { name: 'id', type: 'uuid' },
  { name: 'state', type: 'text' },
  { name: 'percent', type: 'int4' },
  { name: 'position', type: 'int8' },
  { name: 'duration', type: 'float8' },
  { name: 'is_auto', type: 'bool' },
  { name: 'made_at', type: 'timestamptz' },
  { name: 'metadata', type: 'jsonb' },
  { name: 'data', type: 'json' },
];

const row = {
  id: '0198a3c0-aaaa-7000-8000-0000000000ff',
  state: 'writing',
  percent: 40,
  position: 9_007,
  duration: 1.5,
  is_auto: true,
  made_at: '2026-11-23T07:00:00.250+00:00',
  metadata: { language: 'en', sizes: [1, 2] },
  data: { a: 1 },
};

const passes = (filter: string, changed: Record<string, Json> = {}): boolean => {
  const tests = readFilter(filter).map((condition) => compile(condition, columns));
  return tests.every((test) => test({ ...row, ...changed }));
};

describe('the filter as it is written', () => {
  test('nothing asks for nothing', () => {
    expect(readFilter('')).toEqual([]);
    expect(readFilter('  ')).toEqual([]);
  });

  test('conditions are separated by commas outside of quotes and parentheses', () => {
    expect(readFilter('a=eq.1, b=not.in.(x,"y,z"),c=eq."p,q",d=like.say "x"')).toEqual([
      { column: 'a', operator: 'eq', value: '1', negate: false },
      { column: 'b', operator: 'in', value: 'x,"y,z"', negate: true },
      { column: 'c', operator: 'eq', value: 'p,q', negate: false },
      { column: 'd', operator: 'like', value: 'say "x"', negate: false },
    ]);
  });

  test.each([
    ['undefined', '["undefined"]'],
    ['state=foo.hey', '["foo", "hey"]'],
    ['state=eq', '["eq"]'],
    ['percent=in.1,2', '`in` filter value must be wrapped by parentheses'],
    ['percent=eq.1,,state=eq.a', 'filter must not contain empty segments (check for extra commas)'],
  ])('%s is refused as the real server refuses it', (filter, message) => {
    expect(() => readFilter(filter)).toThrow(new FilterRefused(message));
  });

  test('of conditions there is a limit', () => {
    expect(() => readFilter('percent=gt.1,percent=lt.2', 1)).toThrow('too many conditions. Maximum 1');
  });

  test.each(['plain', 'a,b', '(a)', 'quo"te', 'back\\slash', ' spaces ', 'null', 'ü,"\\'])(
    'what the library writes for %j is read as it was meant',
    (text) => {
      for (const operator of OPERATORS) {
        if (operator === 'is' || operator === 'match' || operator === 'imatch') continue;
        const build = () =>
          operator === 'in'
            ? postgresChangesFilter().in('state', [text, 'other'])
            : postgresChangesFilter().not('state', operator, text);
        const [condition] = readFilter(build().build());
        if (operator === 'in') expect(passes(build().build(), { state: text })).toBe(text !== 'null');
        else expect(condition).toEqual({ column: 'state', operator, value: text, negate: true });
      }
    },
  );
});

describe('each operator', () => {
  test.each([
    ['state=eq.writing', true],
    ['state=eq.Writing', false],
    ['state=neq.writing', false],
    ['state=neq.created', true],
    ['percent=lt.40', false],
    ['percent=lt.41', true],
    ['percent=lte.40', true],
    ['percent=gt.39', true],
    ['percent=gt.40', false],
    ['percent=gte.40', true],
    ['percent=in.(1,40)', true],
    ['percent=in.(1,2)', false],
    ['percent=in.()', false],
    ['state=in.(created, writing ,"a,b")', true],
    ['state=like.writ%', true],
    ['state=like.w_it_ng', true],
    ['state=like.WRIT%', false],
    ['state=like.%g%x', false],
    ['state=ilike.WRIT%', true],
    ['state=is.null', false],
    ['is_auto=is.true', true],
    ['is_auto=is.false', false],
    ['is_auto=is.unknown', false],
    ['state=match.^w.*g$', true],
    ['state=match.^W', false],
    ['state=imatch.^W[R]IT', true],
    ['state=isdistinct.writing', false],
    ['state=isdistinct.created', true],
  ])('%s: %s; with not. the contrary', (filter, expected) => {
    expect(passes(filter)).toBe(expected);
    expect(passes(filter.replace('=', '=not.'))).toBe(!expected);
  });

  test('all conditions have to hold', () => {
    expect(passes('percent=gt.10,percent=lt.50,state=eq.writing')).toBe(true);
    expect(passes('percent=gt.10,percent=lt.30')).toBe(false);
  });

  test('a comparison with NULL is neither true nor false', () => {
    const ofNull = (filter: string) => passes(filter, { state: null });
    for (const condition of ['eq.a', 'neq.a', 'lt.a', 'gte.a', 'in.(a)', 'like.%', 'ilike.%', 'match.x', 'imatch.x']) {
      expect(ofNull(`state=${condition}`)).toBe(false);
      expect(ofNull(`state=not.${condition}`)).toBe(false);
    }
    expect(ofNull('state=is.null')).toBe(true);
    expect(ofNull('state=not.is.null')).toBe(false);
    expect(ofNull('state=isdistinct.a')).toBe(true);
    expect(ofNull('state=not.isdistinct.a')).toBe(false);
    expect(passes('is_auto=is.unknown', { is_auto: null })).toBe(true);
    expect(passes('state=not.in.(a,null)')).toBe(false);
  });

  test('what is not known of a row passes no condition', () => {
    const tests = readFilter('state=not.eq.x').map((condition) => compile(condition, columns));
    expect(tests.every((one) => one({ id: row.id }))).toBe(false);
  });
});

describe('each type is compared as Postgres compares it', () => {
  test.each([
    ['id=eq.0198A3C0AAAA70008000-0000000000FF', true],
    ['id=eq.{0198a3c0-aaaa-7000-8000-0000000000ff}', true],
    ['id=gt.0198a3c0-aaaa-7000-8000-0000000000fe', true],
    ['percent=eq. 040 ', true],
    ['percent=gt.9', true],
    ['state=lt.x', true],
    ['state=gt.Z', true],
    ['position=lt.9223372036854775807', true],
    ['duration=eq.15e-1', true],
    ['duration=lt.NaN', true],
    ['duration=gt.-Infinity', true],
    ['is_auto=eq.t', true],
    ['is_auto=eq.off', false],
    ['is_auto=gt.false', true],
    ['made_at=eq.2026-11-23T08:00:00.25+01:00', true],
    ['made_at=gt.2026-11-23', true],
    ['made_at=lt.2026-11-23 07:00:00.250001', true],
    ['made_at=lt.infinity', true],
    ['metadata=eq."{\\"sizes\\":[1,2],\\"language\\":\\"en\\"}"', true],
    ['metadata=neq."{}"', true],
  ])('%s: %s', (filter, expected) => {
    expect(passes(filter)).toBe(expected);
  });

  test.each([
    ['nothing=eq.1', 'invalid column for filter nothing'],
    ['percent=eq.many', 'invalid input syntax for type integer: "many"'],
    ['percent=eq.2147483648', 'invalid input syntax for type integer'],
    ['percent=in.(1,x)', 'invalid input syntax for type integer: "x"'],
    ['percent=in.(1,,2)', 'malformed array literal'],
    ['id=eq.7', 'invalid input syntax for type uuid: "7"'],
    ['is_auto=eq.o', 'invalid input syntax for type boolean'],
    ['made_at=gt.2026-02-30', 'invalid input syntax for type timestamp with time zone'],
    ['made_at=gt.soon', 'invalid input syntax for type timestamp with time zone'],
    ['metadata=eq.{', 'invalid input syntax for type jsonb'],
    ['metadata=gt.1', 'operator gt is not supported for columns of type jsonb'],
    ['data=eq.1', 'operator eq is not supported for columns of type json'],
    ['percent=like.4%', 'operator like requires a text-compatible column type, got integer'],
    ['id=match.^0', 'operator match requires a text-compatible column type, got uuid'],
    ['percent=is.true', 'is true filter requires a boolean column, got integer'],
    ['state=is.nothing', 'invalid value for is filter: must be null, true, false, or unknown'],
    ['state=match.(', 'invalid regular expression: parentheses () not balanced'],
    [`percent=in.(${Array.from({ length: 101 }, (_, at) => at).join()})`, 'too many values for `in` filter'],
  ])('%s is refused', (filter, message) => {
    expect(() => passes(filter)).toThrow(FilterRefused);
    expect(() => passes(filter)).toThrow(message);
  });
});

describe('regular expressions', () => {
  test.each([
    ['a|b', 'xbx'],
    ['^(ab)+$', 'ababab'],
    ['^a{2,3}$', 'aaa'],
    ['^a{2,}b??$', 'aaaa'],
    ['\\d+\\s\\w', 'x 12 y'],
    ['[^0-9]$', '1x'],
    ['[[:alpha:]_-]+', '__a'],
    ['[]x]', ']'],
    ['\\mstep\\M', 'a step, two'],
    ['a.c', 'a\nc'],
    ['^$', ''],
    ['\\.', 'a.b'],
    ['(?:x|yy)z', 'ayyz'],
    ['😀?$', ''],
  ])('%s is found in %j', (pattern, text) => {
    expect(posixPattern(pattern)(text)).toBe(true);
  });

  test.each([
    ['^(ab)+$', 'aba'],
    ['^a{2,3}$', 'aaaa'],
    ['[^0-9]', '12'],
    ['\\mtep', 'step'],
    ['\\D', '12'],
    ['a+b', 'b'],
  ])('%s is not found in %j', (pattern, text) => {
    expect(posixPattern(pattern)(text)).toBe(false);
  });

  test('with and without regard to case', () => {
    expect(posixPattern('[A-C]x', { ignoreCase: true })('bX')).toBe(true);
    expect(posixPattern('[^A-C]', { ignoreCase: true })('b')).toBe(false);
    expect(posixPattern('[A-C]x')('bx')).toBe(false);
  });

  test.each([
    '(',
    ')',
    '[a',
    '*a',
    'a**',
    'a{3,1}',
    'a{999}',
    '\\1',
    '(?=a)',
    '(?i)a',
    '[z-a]',
    '\\',
    '[[:odd:]]',
    'x'.repeat(1_001),
  ])('%s is refused', (pattern) => {
    expect(() => posixPattern(pattern)).toThrow(FilterRefused);
  });

  test('no pattern takes long', () => {
    const begun = performance.now();
    expect(posixPattern('^(a+)+$')(`${'a'.repeat(5_000)}b`)).toBe(false);
    expect(passes('state=like.%a%a%a%a%a%a%b', { state: 'a'.repeat(5_000) })).toBe(false);
    expect(() => posixPattern('((a{255}){255}){255}')).toThrow('more than');
    expect(posixPattern('((((){255}){255}){255}){255}')('')).toBe(true);
    expect(performance.now() - begun).toBeLessThan(2_000);
  });
});
