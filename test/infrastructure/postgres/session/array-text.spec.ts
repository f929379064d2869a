import { arrayText } from '../../../../src/infrastructure/postgres/session/array-text.js';

test('ids, numbers, times and what is missing are one text', () => {
  const at = '2026-07-01T10:00:00.000Z';
  expect(arrayText(['01931b6e-5d2a-7c10-8f00-0123456789ab', null, 12, -1.5, 1e30, true, at])).toBe(
    `{01931b6e-5d2a-7c10-8f00-0123456789ab,NULL,12,-1.5,1e+30,true,${at}}`,
  );
  expect(arrayText([])).toBe('{}');
});

test.each(['', ' ', 'a b', 'a,b', '{}', '"', '\\', 'null', 'NULL', 'Null', 'a\n', 'a\nb', 'é'])(
  '%j is left to the driver, which quotes it',
  (text) => {
    const values = ['bare', text, null];
    expect(arrayText(values)).toBe(values);
  },
);

test('what is no scalar is left to the driver', () => {
  for (const value of [['a'], {}, new Date(0), Buffer.from('a')]) {
    const values = [value];
    expect(arrayText(values)).toBe(values);
  }
});

test('a text that only begins or ends like the word for no value is one of its own', () => {
  expect(arrayText(['nullable', 'workflow-null'])).toBe('{nullable,workflow-null}');
});
