import { escapeIdentifier } from 'pg';
/** Schemas beside the one of the live tables: a table keeps its name, and so do its indexes and constraints, in each. */
import type pg from 'pg';
import type { Area } from '../../../application/rebuild/rebuild-store.js';

export type Schemas = Readonly<{ live: string }> & Readonly<Record<Area, string>>;

export const schemasOf = (live: string): Schemas => ({
  live,
  shadow: `${live}_shadow`,
  previous: `${live}_previous`,
});

export const schemasAt = async (client: Pick<pg.Client, 'query'>): Promise<Schemas> => {
  const { rows } = await client.query<{ live: string | null }>('select current_schema() as live');
  const live = rows[0]?.live;
  if (!live) throw new Error('The connection to the database has no current schema; set one as its search_path');
  return schemasOf(live);
};

/** Rows about a projection that go wherever its table goes. */
export const BESIDE = ['projection_checkpoints', 'projection_poison', 'projection_skipped'] as const;

/** What the tables of an area need beside them: their checkpoints, what is held back, and what their rebuild has done. */
export const makeArea = async (client: pg.Client, { live }: Schemas, area: string): Promise<void> => {
  await client.query(`create schema if not exists ${escapeIdentifier(area)}`);
  for (const table of BESIDE) {
    await client.query(
      `create table if not exists ${escapeIdentifier(area)}.${table} (like ${escapeIdentifier(live)}.${table} including all)`,
    );
  }
  await client.query(
    `create table if not exists ${escapeIdentifier(area)}.rebuilds (
       projection text primary key, rebuild_id uuid not null,
       events bigint not null default 0, build_ms bigint not null default 0)`,
  );
};

export const exists = async (client: Pick<pg.Client, 'query'>, schema: string, table: string): Promise<boolean> => {
  const { rows } = await client.query<{ found: string | null }>('select to_regclass($1)::text as found', [
    `${escapeIdentifier(schema)}.${escapeIdentifier(table)}`,
  ]);
  return rows[0]?.found != null;
};

/** The table and what is known of it; the schema too, when nothing else is in it. */
export const clearArea = async (client: pg.Client, area: string, table: string): Promise<void> => {
  if (!(await exists(client, area, 'rebuilds'))) return;
  await client.query(`drop table if exists ${escapeIdentifier(area)}.${escapeIdentifier(table)}`);
  for (const beside of [...BESIDE, 'rebuilds'])
    await client.query(`delete from ${escapeIdentifier(area)}.${beside} where projection = $1`, [table]);
  const { rows } = await client.query(`select from ${escapeIdentifier(area)}.rebuilds limit 1`);
  if (rows.length === 0) await client.query(`drop schema ${escapeIdentifier(area)} cascade`);
};
