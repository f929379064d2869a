import { differences } from '../../../src/application/projections/drift/check-execution.js';

const KEY = ['id'];

test('the same rows, in any order of rows and of keys inside their values, do not differ', () => {
  const expected = [
    { id: 'a', data: { x: 1, y: [1, 2] } },
    { id: 'b', data: null },
  ];
  const found = [
    { data: null, id: 'b' },
    { data: { y: [1, 2], x: 1 }, id: 'a' },
  ];
  expect(differences(expected, found, KEY)).toEqual([]);
});

test('a column, a row that is missing, and one that nothing made are told', () => {
  const expected = [
    { id: 'a', n: 1, m: 'same' },
    { id: 'b', n: 2, m: 'same' },
  ];
  const found = [
    { id: 'a', n: 7, m: 'same' },
    { id: 'c', n: 2, m: 'same' },
  ];
  expect(differences(expected, found, KEY)).toEqual([
    { kind: 'changed', key: { id: 'a' }, columns: [{ column: 'n', expected: 1, found: 7 }] },
    { kind: 'missing', key: { id: 'b' }, columns: [] },
    { kind: 'unexplained', key: { id: 'c' }, columns: [] },
  ]);
});
