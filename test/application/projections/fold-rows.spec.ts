import fc from 'fast-check';
import { FoldedRows, foldRows } from '../../../src/application/projections/fold-rows.js';
import { projections } from '../../../src/application/projections/index.js';
import { EXECUTIONS, moves, playMoves } from './random-history.js';

// That the rows are those of the Postgres tables is shown where there is a Postgres: projection-runner.spec.ts.

test('an event that is applied twice changes nothing, and rows that were given out stay as they were', async () => {
  await fc.assert(
    fc.asyncProperty(moves, async (played) => {
      const log = await playMoves(played);
      const all = (await Promise.all(EXECUTIONS.map((id) => log.read(`workflow-${id}`)))).flatMap(
        ({ events }) => events,
      );
      const folded = new FoldedRows(projections);
      const held: [unknown, string][] = [];
      for (const event of all) {
        for (const { before, after } of folded.apply(event)) {
          for (const row of [before, after]) held.push([row, JSON.stringify(row)]);
        }
        expect(folded.apply(event)).toEqual([]);
      }
      for (const [row, text] of held) expect(JSON.stringify(row)).toBe(text);
      const rows = foldRows(projections, all);
      for (const { table } of projections) expect(folded.rows(table)).toEqual(rows.get(table));
    }),
    { numRuns: 50 },
  );
});
