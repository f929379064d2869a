import { retryAfterMs } from '../../../src/infrastructure/agents/failures.js';

const now = new Date('1994-11-06T08:49:30.000Z');
const HOUR = 3_600_000;

test.each<[unknown, number | null]>([
  ['120', 120_000],
  [' 1 ', 1000],
  ['0', 0],
  ['0.5', 500],
  ['-5', 0],
  [2, 2000],
  [0.25, 250],
  [-1, 0],
  ['3600', HOUR],
  ['3601', HOUR],
  ['9'.repeat(400), HOUR],
  [1e300, HOUR],
  [Infinity, HOUR],
  ['Sun, 06 Nov 1994 08:49:37 GMT', 7000],
  ['Sunday, 06-Nov-94 08:49:37 GMT', 7000],
  ['Sun Nov  6 08:49:37 1994', 7000],
  ['Sun, 06 Nov 1994 08:49:00 GMT', 0],
  ['Fri, 31 Dec 9999 23:59:59 GMT', HOUR],
  ['', null],
  ['soon', null],
  ['1 hour', null],
  ['0x10', null],
  ['2026', 2_026_000],
  ['1994-11-06', null],
  ['Sun, nonsense', null],
  [NaN, null],
  [undefined, null],
  [null, null],
  [{}, null],
  [['1'], null],
])('%p waits %p ms', (value, expected) => {
  expect(retryAfterMs(value, now, HOUR)).toBe(expected);
});
