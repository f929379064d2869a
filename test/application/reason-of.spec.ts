import { reasonOf } from '../../src/application/runtime/errors.js';

test.each([
  ['its message', new Error('no ink'), 'no ink'],
  [
    'the first of those inside it',
    new AggregateError([new Error('127.0.0.1 refused'), new Error('::1 refused')]),
    '127.0.0.1 refused',
  ],
  ['its name, where it has no message', new TypeError(), 'TypeError'],
  ['what was thrown in its place', 'a text', 'a text'],
  ['its cause, where it has no message', Object.assign(new Error(''), { cause: new Error('no paper') }), 'no paper'],
  ['its code, where it has nothing else', { message: '', code: 'ECONNRESET' }, 'ECONNRESET'],
  ['that it cannot be shown', Object.create(null), 'something that cannot be shown'],
  ['what was thrown, nothing included', undefined, 'undefined'],
])('an error says %s', (_what, error, said) => {
  expect(reasonOf(error)).toBe(said);
});
