/** Rows of an earlier version get their new columns from what is in the tables: the same as from the log. */
import fc from 'fast-check';
import { AddPauseState1763800000050 } from '../../../src/infrastructure/postgres/migrations/1763800000050-add-pause-state.js';
import { moves, playMoves } from '../../application/projections/random-history.js';
import { catchUp, openTables, rowsOf, type TestTables } from './read-tables.js';

let tables: TestTables;
beforeEach(async () => (tables = await openTables()));
afterEach(() => tables.close());

type Rows = Record<
  string,
  { pause_state?: string | null; last_decision?: { rule: string; then: string | null } | null }[]
>;

/** What followed a failure for good is in the events of an earlier version in other events only. */
const asFoundLater = (rows: Rows): Rows => ({
  ...rows,
  workflow_steps: rows['workflow_steps']!.map(({ last_decision: decision, ...row }) => ({
    ...row,
    last_decision: decision && { ...decision, then: decision.rule === 'retry' ? 'retry' : null },
  })),
});

test('what happened before the columns is in them as well', async () => {
  const { dataSource } = tables;
  const played = fc.sample(moves, { numRuns: 12, seed: 20_300_103 }).flat();
  const play = (execution: number, ...verbs: ('start' | 'pause' | 'fail' | 'complete')[]) =>
    verbs.map((verb) => ({ ...played[0]!, execution, verb, errorType: 'transient' as const, waitMs: 61_000 }));
  const pausing = [...play(0, 'start', 'start', 'pause'), ...play(2, 'start', 'start', 'pause', 'fail')];
  const histories = [played, pausing];
  const seen = new Set<string>();
  for (const history of histories) {
    const log = await playMoves(history);
    await dataSource.query('truncate workflow_executions, workflow_steps, workflow_events, projection_checkpoints');
    await catchUp(log, dataSource);
    const before = (await rowsOf(dataSource)) as Rows;
    const migration = new AddPauseState1763800000050();
    const queryRunner = dataSource.createQueryRunner();
    await migration.down(queryRunner);
    await migration.up(queryRunner);
    await queryRunner.release();
    expect(await rowsOf(dataSource)).toEqual(asFoundLater(before));
    for (const { pause_state } of before['workflow_executions']!) seen.add(`pause ${pause_state}`);
    for (const { last_decision } of before['workflow_steps']!) seen.add(`rule ${last_decision?.rule}`);
  }
  expect([...seen]).toEqual(expect.arrayContaining(['pause pausing', 'pause paused', 'pause null', 'rule retry']));
});
