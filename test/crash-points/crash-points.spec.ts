/** A few of the crash points on real processes; `npm run crash-points` tries all of them. */
import { tryCrashPoint, type CrashPoint } from './trial.js';

test.each<CrashPoint>([
  { name: 'command-appended', nth: 1, instances: 1 },
  { name: 'request-written', nth: 1, instances: 2 },
  { name: 'before-commit', nth: 2, instances: 1 },
  { name: 'timer-due', nth: 1, instances: 2 },
])(
  'an instance killed at $name, of $instances, loses nothing and no effect happens twice',
  async (point) => {
    expect((await tryCrashPoint(point)).violations).toEqual([]);
  },
  90_000,
);
