import fc from 'fast-check';
import { lostNumeral, pathTo } from '../../src/domain/numerals.js';

const MOST = Number.MAX_SAFE_INTEGER;

test.each([
  ['1e400', 'infinite'],
  ['-1e400', 'infinite'],
  ['1E+309', 'infinite'],
  [`${'9'.repeat(400)}.5`, 'infinite'],
  ['9'.repeat(400), 'infinite'],
  ['9007199254740992', 'rounded'],
  ['-9007199254740993', 'rounded'],
  ['12345678901234567890', 'rounded'],
])('%s is found wherever it stands', (numeral, fate) => {
  for (const [before, after] of [
    ['', ''],
    ['[', ']'],
    ['[1,-2 , ', ', 3]'],
    ['{"a\\\\\\"1e400": "1e999", "b":', '}'],
    [' {"a": {"b": [0.5e3, {"c": ', '}, "12345678901234567890"]}} '],
  ])
    expect(lostNumeral(`${before}${numeral}${after}`)).toEqual({ numeral, fate, offset: before!.length });
});

test.each([
  [String(MOST), `-${MOST}`, '0', '-0', '1.7976931348623157e308', '5e-324', '1e-400', '0.1'],
  ['9007199254740993.0', '1e22', '123456789012345678901234567890e-20', '3.14159265358979323846264338327950288'],
])('what a double holds, or measures, is let pass: %s ...', (...numerals) => {
  for (const numeral of numerals) expect(lostNumeral(`[${numeral}]`)).toBeUndefined();
});

test('whatever texts and keys hold, a numeral is found where there is one, and only there', () => {
  const safe = fc
    .jsonValue()
    .map((value) => JSON.stringify(value, (_key, each: unknown) => (typeof each === 'number' ? 1 : each)));
  const texts = fc.oneof(fc.string(), fc.constantFrom('1e400', '"1e400', '\\', '\\"', '\\\\1e400'));
  fc.assert(
    fc.property(safe, texts, safe, (value, key, other) => {
      const text = (numeral: string) =>
        `{${JSON.stringify(key)}: ${value}, "texts": ${JSON.stringify([key])}, "n": [${other}, ${numeral}]}`;
      expect(lostNumeral(text('15'))).toBeUndefined();
      const found = lostNumeral(text('-1e999'))!;
      expect(found.numeral).toBe('-1e999');
      expect(pathTo(text('-1e999'), found.offset)).toEqual(['n', '1']);
    }),
  );
});

test('the place of a numeral is given by keys and indexes', () => {
  const place = (text: string) => pathTo(text, lostNumeral(text)!.offset);
  expect(place('1e400')).toEqual([]);
  expect(place('{"a": "x,y", "b": [[], {"c": 1, "d\\"e": [1, 2, 1e400]}]}')).toEqual(['b', '1', 'd"e', '2']);
});

test('sixteen million characters are looked through in no time', () => {
  const long = `["${'A'.repeat(8_000_000)}", ${'1,'.repeat(4_000_000)}1]`;
  const begin = performance.now();
  expect(lostNumeral(long)).toBeUndefined();
  expect(performance.now() - begin).toBeLessThan(5_000);
});
