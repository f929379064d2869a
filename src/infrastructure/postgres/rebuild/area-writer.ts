import type pg from 'pg';
import { escapeIdentifier } from 'pg';
import type { DataSource } from 'typeorm';
import type { AreaWriter } from '../../../application/rebuild/rebuild-store.js';
import { checkpointsOf, poisonOf, skippedOf } from '../projections/projection-rows.js';
import { PostgresProjectionSession } from '../projections/postgres-projection-session.js';

/**
 * The way in which the live tables are written, with the tables of `schema` in their place: the search path finds those
 * first. One connection of its own.
 */
export const openWriter = async (
  connect: () => Promise<pg.Client>,
  dataSource: DataSource,
  schema: string,
  live: string,
  silenceMs: number,
): Promise<AreaWriter> => {
  const client = await connect();
  await client.query(`select set_config('search_path', $1, false)`, [
    `${escapeIdentifier(schema)}, ${escapeIdentifier(live)}`,
  ]);
  const session = new PostgresProjectionSession(client, dataSource, silenceMs / 4);
  return {
    lost: session.lost,
    apply: (writes) => session.apply(writes),
    close: () => session.close(),
    checkpoints: async () => checkpointsOf(await session.read('select * from projection_checkpoints')),
    poisoned: async (limit) =>
      poisonOf(await session.read('select * from projection_poison order by at limit $1', [limit])),
    skipped: async (limit) => {
      const found = skippedOf(
        await session.read(`select * from ${escapeIdentifier(live)}.projection_skipped limit $1`, [limit + 1]),
      );
      if (found.length > limit) throw new Error(`Expected at most ${limit} events that operators had passed over`);
      return found;
    },
  };
};
