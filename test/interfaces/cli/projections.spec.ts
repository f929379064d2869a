import { lineOf, ProgressBar, readArguments } from '../../../src/interfaces/cli/projections-output.js';

const read = (...given: string[]) => readArguments(given, ['one', 'two']);

test('commands that only look take all projections where none is named', () => {
  for (const command of ['status', 'verify', 'poisoned']) expect(read(command)).toMatchObject({ command, name: 'all' });
  expect(read('verify', 'one', '--sample', '10')).toMatchObject({ name: 'one', sample: 10 });
  expect(read('--help')).toBeNull();
});

test.each([
  [[], /one of status, rebuild/],
  [['dance'], /one of status.*got dance/],
  [['rebuild'], /one of one, two, all; got nothing/],
  [['rebuild', 'three', '--reason', 'r'], /got three/],
  [['rebuild', 'one'], /--reason TEXT/],
  [['rebuild', 'one', '--reason', 'r', '--require', 'luck'], /zero-diff or none; got luck/],
  [['rollback', 'all', '--reason', 'r'], /one of one, two; got all/],
  [['skip', 'one', '--reason', 'r'], /one execution/],
  [['status', 'one', 'more'], /nothing more/],
  [['verify', '--sample', '0'], /from 1 to/],
])('%j is refused with what was expected', (given, message) => {
  expect(() => read(...given)).toThrow(message);
});

test('progress is a bar on a terminal and a line now and then elsewhere', () => {
  const work = { label: 'one: building', done: 25, total: 100, events: 500 };
  expect(lineOf(work, 10, true)).toBe('one: building [########......................] 25 %, 50 events/s, 30 s left');
  expect(lineOf(work, 10, false)).toBe('one: building 25 %, 50 events/s, 30 s left');
  const written: string[] = [];
  const bar = new ProgressBar({ write: (text) => written.push(text) });
  bar.show(work);
  bar.show(work);
  bar.end();
  expect(written).toHaveLength(1);
});
