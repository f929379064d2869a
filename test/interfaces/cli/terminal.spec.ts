import { painter, plain } from '../../../src/interfaces/cli/terminal.js';

test('colours are for terminals whose user has not declined them', () => {
  const [terminal, pipe] = [{ isTTY: true }, {}];
  expect(painter(terminal, {})('green', 'done')).toBe('\x1b[32mdone\x1b[0m');
  expect(painter(pipe, {})('green', 'done')).toBe('done');
  expect(painter(terminal, { NO_COLOR: '1' })('green', 'done')).toBe('done');
  expect(painter(terminal, { TERM: 'dumb' })('green', 'done')).toBe('done');
});

test('what a terminal would obey is shown as a replacement', () => {
  expect(plain('a\x1b[2Jb\nc')).toBe('a\u{FFFD}[2Jb\u{FFFD}c');
});
