import type pg from 'pg';
import { escapeIdentifier } from 'pg';
import { sleep, type Clock } from '../../../application/runtime/clock.js';
import { failpoint } from '../../../application/runtime/failpoint.js';
import type { Area, Swap } from '../../../application/rebuild/rebuild-store.js';
import { BESIDE, clearArea, makeArea, type Schemas } from './areas.js';
import { CHANNEL, type Exchange } from '../live/announcement.js';
import { noteLate } from '../live/note-late.js';
import { carryOver, silence } from './copy-table.js';

type Means = Readonly<{
  clock: Clock;
  limits: Readonly<{ lockTimeoutMs: number; lockPauseMs: number; lockTries: number; silenceMs: number }>;
  /** Whether the right to write to the live tables is gone. */
  isLost: () => boolean;
  /** Ends the waiting for those who read. */
  signal: AbortSignal;
}>;

/** LOCK_NOT_AVAILABLE: somebody reads for longer than others shall wait; DEADLOCK_DETECTED. */
const BUSY: ReadonlySet<unknown> = new Set(['55P03', '40P01']);

/** All of them in one transaction, or none. Who reads waits for a moment, or not at all, and never fails. */
export const swapTables = async (
  client: pg.Client,
  schemas: Schemas,
  swaps: readonly Swap[],
  area: Area,
  { clock, limits, isLost, signal }: Means,
): Promise<void> => {
  for (let tried = 1; ; tried++) {
    await client.query('begin');
    try {
      // A builder that stands still here keeps all readers out, and comes late: the database ends it.
      await client.query(
        `select set_config('lock_timeout', $1, true), set_config('idle_in_transaction_session_timeout', $2, true)`,
        [`${limits.lockTimeoutMs}ms`, `${limits.silenceMs}ms`],
      );
      for (const swap of swaps) await swapOne(client, schemas, swap, area);
      if (isLost()) throw new Error('The right to write to the read tables was lost before they were swapped');
      failpoint('before-swap');
      await client.query('commit');
      failpoint('after-swap');
      return;
    } catch (error) {
      await client.query('rollback').catch(() => undefined);
      const isBusy = BUSY.has((error as { code?: unknown }).code);
      if (!isBusy || tried >= limits.lockTries) throw error;
    }
    await sleep(clock, limits.lockPauseMs, signal);
    signal.throwIfAborted();
  }
};

const swapOne = async (client: pg.Client, schemas: Schemas, swap: Swap, area: Area): Promise<void> => {
  const { projection: table } = swap;
  const live = { schema: schemas.live, table };
  const incoming = { schema: schemas[area], table };
  await client.query(`lock table ${escapeIdentifier(live.schema)}.${escapeIdentifier(table)} in access exclusive mode`);
  await carryOver(client, live, incoming);
  if (area === 'shadow') await putAside(client, schemas, swap);
  else await client.query(`drop table ${escapeIdentifier(live.schema)}.${escapeIdentifier(table)}`);
  await client.query(
    `alter table ${escapeIdentifier(incoming.schema)}.${escapeIdentifier(table)} set schema ${escapeIdentifier(live.schema)}`,
  );
  for (const beside of BESIDE) {
    await client.query(`delete from ${escapeIdentifier(live.schema)}.${beside} where projection = $1`, [table]);
    await copyRows(client, incoming.schema, live.schema, beside, table);
  }
  if (area === 'shadow') {
    await client.query(
      `update ${escapeIdentifier(live.schema)}.projection_checkpoints set version = $2, rebuild_id = $3 where projection = $1`,
      [table, swap.version, swap.rebuildId],
    );
  }
  // What was found in the table that was live until now says nothing of this one.
  await client.query(`delete from ${escapeIdentifier(live.schema)}.projection_drift where projection = $1`, [table]);
  await noteLate(client, table, 'exchanged');
  const exchange: Exchange = { schema: live.schema, exchanged: table };
  await client.query('select pg_notify($1, $2)', [CHANNEL, JSON.stringify(exchange)]);
  await clearArea(client, incoming.schema, table);
};

/** What was live until now is kept, and does nothing any more. */
const putAside = async (client: pg.Client, schemas: Schemas, { projection: table, rebuildId }: Swap): Promise<void> => {
  const { live, previous } = schemas;
  await clearArea(client, previous, table);
  await makeArea(client, schemas, previous);
  await silence(client, { schema: live, table });
  await client.query(
    `alter table ${escapeIdentifier(live)}.${escapeIdentifier(table)} set schema ${escapeIdentifier(previous)}`,
  );
  await client.query(`insert into ${escapeIdentifier(previous)}.rebuilds (projection, rebuild_id) values ($1, $2)`, [
    table,
    rebuildId,
  ]);
  for (const beside of BESIDE) await copyRows(client, live, previous, beside, table);
};

const copyRows = async (client: pg.Client, from: string, to: string, beside: string, projection: string) => {
  await client.query(
    `insert into ${escapeIdentifier(to)}.${beside} select * from ${escapeIdentifier(from)}.${beside} where projection = $1`,
    [projection],
  );
};
