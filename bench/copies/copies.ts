/** Many finished executions without running them: copies of one that was run, written while nobody else uses the database. */
import type pg from 'pg';
import { projections } from '../../src/application/projections/index.js';
import { number } from '../rebuild/lines.js';
import { inBulk, mustFit, withBulkClient } from './bulk.js';
import { makeOriginal, removeOriginal, type Original } from './original.js';
import { COPY_LOG, copyTable, LINKED, linkCopies } from './statements.js';
import { addLeaves, growTree, leavesBefore } from './tree.js';

/** Executions of one transaction. Few enough that what is made for them stays in the caches. */
const CHUNK = 1_000;
const CONNECTIONS = 2;
/** Between two vacuums. Each finds its pages in the page cache still; one at the end would read everything again. */
const VACUUM_CHUNKS = 25;

type Tell = (line: string) => void;
/** Writes a chunk into a table. */
type Stage = Readonly<{ table: string; sql: string }>;
const LOG: Stage = { table: 'eventstore.events', sql: COPY_LOG };

/**
 * Copies of one execution of the log until there are about `events` events: the log alone, before any table has taken
 * them. @returns how many events were written
 */
export const copyHistories = (databaseUrl: string, events: number, tell: Tell): Promise<number> =>
  withBulkClient(databaseUrl, async (client) => {
    const original = await makeOriginal(client, { events });
    await copy(databaseUrl, original, [LOG], tell);
    await removeOriginal(client);
    await client.query('vacuum analyze eventstore.events');
    return original.copies * original.events;
  });

/**
 * Copies of the only execution there is: in the log, in the read tables, in the audit tree.
 * @returns how many events of executions there are then
 */
export const copyExecutions = (databaseUrl: string, executions: number, tell: Tell): Promise<number> =>
  withBulkClient(databaseUrl, async (client) => {
    const original = await makeOriginal(client, { executions });
    if (original.streams > 1) throw new Error(`Expected one execution in the log, there are ${original.streams}`);
    const leaves = await leavesBefore(client, original);
    const stages: Stage[] = [LOG];
    for (const { table } of projections) stages.push({ table, sql: await copyTable(client, table) });
    stages.push(...addLeaves(leaves, original));
    await copy(databaseUrl, original, stages, tell);
    const began = performance.now();
    await growTree(client, leaves, original);
    tell(`  the upper levels of the audit tree: ${seconds(performance.now() - began)}`);
    for (const table of ['projection_checkpoints', 'webhook_cursor'])
      await client.query(`update ${table} set position = (select max(position) from eventstore.events)`);
    await removeOriginal(client);
    await client.query('vacuum analyze');
    tell(`  with the last vacuum: ${seconds(performance.now() - began)}`);
    return (1 + original.copies) * original.events;
  });

const copy = async (databaseUrl: string, original: Original, stages: readonly Stage[], tell: Tell): Promise<void> => {
  const began = performance.now();
  const since = () => seconds(performance.now() - began);
  const spent = new Map<string, number>();
  const run = async (client: pg.Client, what: string, sql: string, values: readonly number[] = []) => {
    const from = performance.now();
    await client.query(sql, [...values]);
    spent.set(what, (spent.get(what) ?? 0) + performance.now() - from);
  };
  const { copies } = original;
  const linking = linkCopies(original);
  const vacuum = `vacuum ${stages.map(({ table }) => table).join(', ')}`;
  let next = 0;
  await inBulk(databaseUrl, CONNECTIONS, async (client) => {
    await client.query(LINKED);
    for (let chunk = next++; chunk * CHUNK < copies; chunk = next++) {
      const until = Math.min(copies, (chunk + 1) * CHUNK);
      await client.query('begin');
      await run(client, 'hashes', linking, [chunk * CHUNK + 1, until]);
      for (const { table, sql } of stages) await run(client, table, sql);
      await run(client, 'commit', 'commit');
      if ((chunk + 1) % VACUUM_CHUNKS > 0) continue;
      await run(client, 'vacuum', vacuum);
      tell(`  ${number(until)} of ${number(copies)} in ${since()}`);
      await mustFit(client, until / copies);
    }
  });
  const told = [...spent].map(([what, ms]) => `${what} ${seconds(ms)}`).join(', ');
  tell(`  ${number(copies)} copies in ${since()}; both connections together: ${told}`);
};

const seconds = (ms: number): string => `${(ms / 1_000).toFixed(1)} s`;
