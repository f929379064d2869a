import { sagaFailpoints } from '../../src/application/runtime/failpoint.js';
import { OCCURRENCES, tryCrash } from './crash-points.js';

const SEEDS = [1, 2, 3];

describe.each([1, 2])('with %i instances', (instances) => {
  test.each(sagaFailpoints)('a crash at the first, second or third %s breaks no invariant', async (name) => {
    for (const occurrence of OCCURRENCES) {
      const { violations, crashes } = await tryCrash({ name, occurrence, instances }, SEEDS);
      expect(violations).toEqual([]);
      expect(crashes).toBeGreaterThan(0);
    }
  });
});
