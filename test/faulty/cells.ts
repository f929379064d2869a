/** Modes of the faulty server times orders of the application. */
import { setTimeout as delay } from 'node:timers/promises';
import { createDataSource } from '../../src/infrastructure/postgres/data-source.js';
import { checkStream, type ReportViolation } from '../chaos/check-streams.js';
import { checkLedger, checkTables } from '../chaos/check-world.js';
import { eventually } from '../support/eventually.js';
import type { Mode } from '../support/faulty-server/modes.js';
import { ORDERS, type OrderName } from './orders.js';
import type { World } from './world.js';

/** What concerns no single order: the process, the streams, the tables. */
export const WHOLE = 'the whole';
export type Column = OrderName | typeof WHOLE;
export const COLUMNS: readonly Column[] = [...(Object.keys(ORDERS) as OrderName[]), WHOLE];

/** What is wrong; null: nothing. */
export type Cells = ReadonlyMap<Column, string | null>;

/** A mode lasts until all orders are answered, and within these bounds. */
const [SHORTEST_MS, LONGEST_MS] = [1_500, 4_000];

/** All orders at once, under one mode. */
export const tryMode = async (world: World, mode: Mode): Promise<Cells> => {
  const cells = new Map<Column, string | null>();
  const note = (column: Column, problem: unknown) =>
    void cells.set(column, problem instanceof Error ? problem.message : String(problem));
  const { timer: last, ...first } = ORDERS;
  const crashes = world.crashes.length;
  const prepared = await Promise.all(
    Object.entries(first).map(async ([name, prepare]) => [name as OrderName, await prepare(world)] as const),
  );
  prepared.push(['timer', await last(world)]);
  const felt = world.faulty.felt(mode);
  world.faulty.be(mode);
  const given = Promise.allSettled(
    prepared.map(([name, { give }]) => give().catch((error: unknown) => note(name, error))),
  );
  await Promise.race([
    Promise.all([given, delay(SHORTEST_MS, undefined, { ref: false })]),
    delay(LONGEST_MS, undefined, { ref: false }),
  ]);
  world.faulty.be(null);
  if (world.faulty.felt(mode) === felt) note(WHOLE, 'nothing met the fault: the trial proves nothing');
  await world.settled();
  await Promise.all(
    prepared.map(([name, { check }]) =>
      check(mode).then(
        () => cells.has(name) || cells.set(name, null),
        (error: unknown) => note(name, error),
      ),
    ),
  );
  await given;
  if (!cells.has(WHOLE)) cells.set(WHOLE, await checkWhole(world));
  const crash = world.crashes[crashes];
  if (crash) note(WHOLE, `the process would have ended: ${crash}`);
  return cells;
};

/** The end of the log is a tree head, which the tables do not wait for. */
const REST = `
  select (select count(*) from workflow_executions where current_state not in ('completed', 'cancelled')) as moving,
         (select max(position) from eventstore.events where stream like 'workflow-%') as last,
         (select min(position) from projection_checkpoints) as projected`;

const mustRest = async ({ observer }: World): Promise<void> => {
  const [row] = (await observer.query<{ moving: string; last: string; projected: string }>(REST)) ?? [];
  const { moving, last, projected } = row!;
  if (moving !== '0') throw new Error(`${moving} executions have not ended`);
  if (BigInt(projected) < BigInt(last)) throw new Error(`the tables are at ${projected} of ${last}`);
};

const checkWhole = async (world: World): Promise<string | null> => {
  const { observer, agent, databaseUrl } = world;
  const violations: string[] = [];
  const report: ReportViolation = (invariant, id, what) =>
    // How far the tables have to be is above.
    void (invariant === 'I13' || violations.push(`${invariant} ${id}: ${what}`));
  await eventually(() => mustRest(world)).catch((error: unknown) => violations.push(String(error)));
  const streams = await observer.streams();
  for (const [id, events] of streams) checkStream(id, events, report);
  checkLedger(streams, agent.ledger(), report);
  const dataSource = await createDataSource({ url: databaseUrl, poolSize: 2 });
  await checkTables(dataSource, streams, report).finally(() => dataSource.destroy());
  return violations[0] ?? null;
};
