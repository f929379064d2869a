import { Observer } from './observer.js';

/** Sees these positions one after another. */
const observing = (...looks: readonly (readonly [started: string, position: string])[]): Observer => {
  const rows = looks.map(([started, position]) => ({ projection: 'workflow_steps', position, last: '700', started }));
  class Prepared extends Observer {
    override query<Row extends object>(): Promise<Row[] | null> {
      const row = rows.shift();
      return Promise.resolve(row ? [row as unknown as Row] : null);
    }
  }
  return new Prepared('');
};

test.each([
  ['moves on', ['monday', '679'], ['monday', '690'], []],
  ['moves back', ['monday', '679'], ['monday', '674'], ['workflow_steps went from 679 back to 674']],
  ['is taken back by a Postgres that was killed', ['monday', '679'], ['tuesday', '674'], []],
  ['is ahead of the log', ['monday', '679'], ['monday', '701'], ['workflow_steps is at 701, the log ends at 700']],
] as const)('a checkpoint that %s', async (_, first, second, setbacks) => {
  const observer = observing(first, second);
  await observer.watchCheckpoints();
  await observer.watchCheckpoints();
  expect(observer.setbacks).toEqual(setbacks);
});
