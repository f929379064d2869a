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

/** Of passes that build tables in bulk: how far they are, and the events that are applied when the indexes are there. */
const makeBulkTables = async (client: pg.Client, area: string): Promise<void> => {
  const schema = escapeIdentifier(area);
  await client.query(
    `create table if not exists ${schema}.bulk (
       projection text primary key, rebuild_id uuid not null, pass uuid not null, in_order text not null,
       to_position bigint not null, total bigint not null, reached text collate "C", is_read boolean not null default false,
       events bigint not null default 0, build_ms bigint not null default 0,
       event_position bigint, event_id text, event_at timestamptz)`,
  );
  await client.query(
    `create table if not exists ${schema}.later (
       pass uuid not null, position bigint not null, event text not null, primary key (pass, position))`,
  );
};

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
  await makeBulkTables(client, area);
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
  // An earlier version has made the area without it.
  const inBulk = (await exists(client, area, 'bulk')) ? ['bulk'] : [];
  for (const beside of [...BESIDE, 'rebuilds', ...inBulk])
    await client.query(`delete from ${escapeIdentifier(area)}.${beside} where projection = $1`, [table]);
  if (inBulk.length > 0) {
    const schema = escapeIdentifier(area);
    await client.query(`delete from ${schema}.later where pass not in (select pass from ${schema}.bulk)`);
  }
  const others = ['rebuilds', ...inBulk].map((beside) => `select from ${escapeIdentifier(area)}.${beside}`);
  const { rows } = await client.query(`${others.join(' union all ')} limit 1`);
  if (rows.length === 0) await client.query(`drop schema ${escapeIdentifier(area)} cascade`);
};
