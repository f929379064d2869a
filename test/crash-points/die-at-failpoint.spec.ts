import { once } from 'node:events';
import { readFailpoint } from '../../src/composition/die-at-failpoint.js';
import { startChild } from '../support/child.js';

test('FAILPOINT names a failpoint, with its passing or without', () => {
  expect(readFailpoint({ NODE_ENV: 'test', FAILPOINT: 'drain' })).toEqual({ name: 'drain', nth: 1 });
  expect(readFailpoint({ NODE_ENV: 'test', FAILPOINT: 'before-commit:12' })).toEqual({
    name: 'before-commit',
    nth: 12,
  });
  expect(readFailpoint({ NODE_ENV: 'test', FAILPOINT: 'checkpoint-kept:2:stall' })).toEqual({
    ...{ name: 'checkpoint-kept', nth: 2, stalls: true },
  });
  expect(readFailpoint({ NODE_ENV: 'test' })).toBeNull();
});

test.each([undefined, 'production', 'development'])('with NODE_ENV %s an instance ignores FAILPOINT', (NODE_ENV) =>
  expect(readFailpoint({ NODE_ENV, FAILPOINT: 'drain' })).toBeNull(),
);

test.each(['nowhere', 'drain:0', 'drain:', 'drain:x', 'DRAIN', 'drain:1000000', 'drain:1:', 'drain:stall'])(
  '%s is refused',
  (FAILPOINT) =>
    expect(() => readFailpoint({ NODE_ENV: 'test', FAILPOINT })).toThrow(
      /^FAILPOINT: expected NAME or NAME:NTH or NAME:NTH:stall .*drain/,
    ),
);

test('an instance does not start with an unknown failpoint', async () => {
  const main = new URL('../../dist/main.js', import.meta.url);
  const child = startChild(main, [], { NODE_ENV: 'test', FAILPOINT: 'nowhere' });
  await once(child.process, 'close');
  expect(child.process.exitCode).toBe(1);
  expect(child.output()).toMatch(/FAILPOINT: expected NAME .*got "nowhere"/);
});
