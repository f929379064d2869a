import type { DataSource } from 'typeorm';

export type ColumnShape = Readonly<{ type: string; nullable: boolean }>;
export type TableShape = Readonly<{
  name: string;
  primaryKey: readonly string[];
  columns: ReadonlyMap<string, ColumnShape>;
}>;

/** The columns as the entity says they are. @throws where no entity has that table */
export const tableShape = (dataSource: DataSource, table: string): TableShape => {
  const metadata = dataSource.entityMetadatas.find(({ tableName }) => tableName === table);
  if (!metadata) throw new Error(`Table ${table}: expected an entity for it in postgres/entities, there is none`);
  return {
    name: table,
    primaryKey: metadata.primaryColumns.map(({ databaseName }) => databaseName),
    columns: new Map(
      metadata.columns.map(({ databaseName, type, isNullable }) => [
        databaseName,
        { type: String(type), nullable: isNullable },
      ]),
    ),
  };
};

/** A JavaScript value as a parameter of the column's type. @throws where there is no value at all */
export const encode = ({ type, nullable }: ColumnShape, value: unknown): unknown => {
  if (value === undefined) throw new TypeError('expected a value or null, got nothing');
  if (value === null && nullable) return null;
  if (type === 'json') return JSON.stringify(value);
  if (type === 'jsonb') return holdable(JSON.stringify(value));
  if (value instanceof Date) return value.toISOString();
  return typeof value === 'string' ? value.replaceAll('\0', '\uFFFD') : value;
};

/**
 * Postgres' text and jsonb hold neither U+0000 nor half a surrogate pair: U+FFFD stands for them. The log keeps the
 * original. Every escape is matched, so that an escaped backslash is not taken for the beginning of one.
 */
const holdable = (json: string): string =>
  json.includes('\\u')
    ? json.replace(/\\(u0000|ud[89a-f][0-9a-f]{2}|.)/g, (whole, escape: string) =>
        escape.length > 1 ? '\\ufffd' : whole,
      )
    : json;
