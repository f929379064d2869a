import { reasonOf } from '../../src/application/runtime/reason-of.js';

test.each([
  ['its message', new Error('no ink'), 'no ink'],
  [
    'the first of those inside it',
    new AggregateError([new Error('127.0.0.1 refused'), new Error('::1 refused')]),
    '127.0.0.1 refused',
  ],
  ['its name, where it has no message', new TypeError(), 'TypeError'],
  ['what was thrown in its place', 'a text', 'a text'],
])('an error says %s', (_what, error, said) => {
  expect(reasonOf(error)).toBe(said);
});
