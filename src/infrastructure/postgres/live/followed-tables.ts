import type { DataSource } from 'typeorm';
import type { TableColumn } from '../../../application/live/row-changes.js';

export type FollowedTables = Readonly<{
  schema: string;
  columns: ReadonlyMap<string, readonly TableColumn[]>;
  keys: ReadonlyMap<string, readonly string[]>;
}>;

type ColumnRow = Readonly<{ schema: string; table: string; name: string; type: string; is_key: boolean }>;

/** The tables that announce their changes, as the catalogue says they are. */
export const followedTables = async (dataSource: DataSource): Promise<FollowedTables> => {
  const rows = await dataSource.query<ColumnRow[]>(
    `select nspname as schema, relname as table, attname as name, typname as type,
       exists (select from pg_index where indrelid = pg_class.oid and indisprimary and attnum = any(indkey)) as is_key
     from pg_class
     join pg_namespace on pg_namespace.oid = relnamespace
     join pg_attribute on attrelid = pg_class.oid and attnum > 0 and not attisdropped
     join pg_type on pg_type.oid = atttypid
     where nspname = current_schema()
       and exists (select from pg_trigger where tgrelid = pg_class.oid and tgname = 'announce_insert')
     order by relname, attnum`,
  );
  const tables = new Set(rows.map(({ table }) => table));
  const each = <T>(of: (rows: readonly ColumnRow[]) => T) =>
    new Map([...tables].map((name) => [name, of(rows.filter(({ table }) => table === name))]));
  return {
    schema: rows[0]?.schema ?? '',
    columns: each((its) => its.map(({ name, type }) => ({ name, type }))),
    keys: each((its) => its.filter(({ is_key }) => is_key).map(({ name }) => name)),
  };
};
