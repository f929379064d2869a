/** The connection is cut between any two statements of any batch: rows and checkpoint are those of one and the same event. */
import fc from 'fast-check';
import { projections } from '../../../src/application/projections/index.js';
import { PostgresProjectionStore } from '../../../src/infrastructure/postgres/projections/postgres-projection-store.js';
import { tablesOf } from '../../application/projections/in-memory-tables.js';
import { moves, playMoves, type Move } from '../../application/projections/random-history.js';
import { eventually } from '../../support/eventually.js';
import type { InMemoryEventLog } from '../../../src/testing/in-memory.event-log.js';
import { CutProjectionStore, type Cut } from './cut-projection-store.js';
import { byText, catchUp, empty, historyOf, openTables, rowsOf, runnerOf, type TestTables } from './read-tables.js';

const FEW = 6;
const few = moves.map((played) => played.slice(0, FEW));

/** Chance may give too little for a batch and a half, so this is always tried: retries, a pause, a cancellation. */
const verbs = ['start', 'start', 'fail', 'start', 'pause', 'complete', 'resume', 'start', 'cancel'] as const;
const certain: readonly Move[] = verbs.map((verb) => ({
  ...{ execution: 0, verb, waitMs: 4_000, errorType: 'transient', output: { verb } },
}));

let tables: TestTables;
beforeAll(async () => (tables = await openTables()));
afterAll(() => tables.close());

/** @returns whether it came to the cut; if not, everything was taken before */
const runUntilCut = async (log: InMemoryEventLog, batch: number, cut: Cut): Promise<boolean> => {
  const { options } = tables.dataSource;
  if (options.type !== 'postgres' || !options.url) throw new Error('Expected a Postgres with a URL');
  const store = new CutProjectionStore(tables.dataSource, options.url, cut);
  const runner = runnerOf(log, store, { limits: { batch, leadPauseMs: 5 } });
  runner.start();
  try {
    await eventually(() => store.hasCut || runner.status().caughtUp, { everyMs: 2 });
  } finally {
    await runner.stop();
  }
  return store.hasCut;
};

/** Every row as Postgres prints it. */
const bytes = async (): Promise<unknown> => {
  const text = async ({ table }: { table: string }) =>
    tables.dataSource.query(`select t::text as row from ${table} t order by t::text`);
  return Promise.all(projections.map(text));
};

/** The server ends a session whose connection is gone a moment later; until then its transaction is not seen by anyone. */
const serverKnows = () =>
  eventually(
    async () => {
      const others: unknown[] = await tables.dataSource.query(
        `select 1 from pg_stat_activity where datname = current_database() and state like 'idle in transaction%'`,
      );
      return others.length === 0;
    },
    { everyMs: 2 },
  );

/** @returns the position that rows and checkpoints show */
const expectOnePrefix = async (log: InMemoryEventLog): Promise<bigint> => {
  const checkpoints = await new PostgresProjectionStore(tables.dataSource).checkpoints();
  const positions = projections.map(({ table }) => checkpoints.get(table)?.position ?? 0n);
  const [position = 0n] = positions;
  expect(positions).toEqual(projections.map(() => position));
  const prefix = (await historyOf(log)).filter((event) => event.position <= position);
  const folded = [...tablesOf(prefix)].map(([table, rows]) => [table, [...rows].sort(byText)]);
  expect(await rowsOf(tables.dataSource)).toEqual(Object.fromEntries(folded));
  return position;
};

test('cut at whichever statement, the tables show a prefix, and the whole when the runner has started again', async () => {
  let cuts = 0;
  const shown = new Set<string>();
  const holds = async (played: readonly Move[], batch: number, when: Cut['when']) => {
    const log = await playMoves(played);
    const last = (await historyOf(log)).at(-1)?.position ?? 0n;
    await empty(tables.dataSource);
    await catchUp(log, tables.dataSource, batch);
    expect(await expectOnePrefix(log)).toBe(last);
    const whole = await bytes();
    for (let at = 1; ; at++) {
      await empty(tables.dataSource);
      if (!(await runUntilCut(log, batch, { at, when }))) break;
      cuts += 1;
      await serverKnows();
      const position = await expectOnePrefix(log);
      shown.add(position === 0n ? 'none' : position === last ? 'all' : 'some');
      await catchUp(log, tables.dataSource, batch);
      expect(await bytes()).toEqual(whole);
      expect(await expectOnePrefix(log)).toBe(last);
    }
  };
  await fc.assert(
    fc.asyncProperty(few, fc.integer({ min: 2, max: 6 }), fc.constantFrom('before' as const, 'after' as const), holds),
    { numRuns: 3, examples: (['before', 'after'] as const).map((when) => [certain, 3, when]) },
  );
  expect(cuts).toBeGreaterThan(20);
  expect([...shown].sort()).toEqual(['all', 'none', 'some']);
}, 60_000);
