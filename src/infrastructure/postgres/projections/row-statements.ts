import { escapeIdentifier } from 'pg';
import type { DataSource } from 'typeorm';
import type { AnyRow, Merge, Update } from '../../../application/projections/projection.js';
import { arrayText } from '../session/array-text.js';
import type { Patch } from './row-segments.js';

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

/** Element types of arrays that travel in binary form: as text every quote in them would be escaped, and read back again. */
const OIDS: Readonly<Record<string, number>> = { text: 25, json: 114, jsonb: 3802 };
/** Each value of `jsonb` begins with the version of its form. */
const JSONB_VERSION = 1;
const HEADER_BYTES = 20;
const LENGTH_BYTES = 4;
const NULL_LENGTH = -1;

const travelsAsBinary = (type: string): boolean => type in OIDS;

/** A one-dimensional array in Postgres' binary form: a parameter of type `type[]`. @param type for which `travelsAsBinary` */
const binaryArray = (type: string, values: readonly (string | null)[]): Buffer => {
  const versionBytes = type === 'jsonb' ? 1 : 0;
  const lengths = values.map((value) => (value === null ? NULL_LENGTH : Buffer.byteLength(value) + versionBytes));
  const size = lengths.reduce((sum, length) => sum + LENGTH_BYTES + Math.max(0, length), HEADER_BYTES);
  const bytes = Buffer.allocUnsafe(size);
  bytes.writeInt32BE(1, 0); // dimensions
  bytes.writeInt32BE(lengths.includes(NULL_LENGTH) ? 1 : 0, 4);
  bytes.writeInt32BE(OIDS[type]!, 8);
  bytes.writeInt32BE(values.length, 12);
  bytes.writeInt32BE(1, 16); // the first index
  let at = HEADER_BYTES;
  values.forEach((value, index) => {
    const length = lengths[index]!;
    at = bytes.writeInt32BE(length, at);
    if (value === null) return;
    if (versionBytes > 0) bytes.writeUInt8(JSONB_VERSION, at);
    bytes.write(value, at + versionBytes, 'utf8');
    at += length;
  });
  return bytes;
};

export type Statement = Readonly<{ text: string; values: readonly unknown[] }>;

/** Numbers the parameters of one statement, and puts each into its column's type. */
class Parameters {
  readonly values: unknown[] = [];

  constructor(private readonly table: TableShape) {}

  one(column: string, value: unknown): string {
    return `${this.raw(this.encoded(column, value))}::${this.shape(column).type}`;
  }

  each(column: string, values: readonly unknown[]): string {
    const { type } = this.shape(column);
    const encoded = values.map((value) => this.encoded(column, value));
    const array = travelsAsBinary(type) ? binaryArray(type, encoded as (string | null)[]) : arrayText(encoded);
    return `${this.raw(array)}::${type}[]`;
  }

  raw(value: unknown): string {
    return `$${this.values.push(value)}`;
  }

  private encoded(column: string, value: unknown): unknown {
    try {
      return encode(this.shape(column), value);
    } catch (error) {
      throw new TypeError(`${this.table.name}.${column}: ${(error as Error).message}`, { cause: error });
    }
  }

  private shape(column: string) {
    const shape = this.table.columns.get(column);
    if (!shape) throw new TypeError(`${this.table.name} has no column ${column}`);
    return shape;
  }
}

/** What a statement answers of the rows that it has written; of an insert those that were not there before. */
export type Returned = 'nothing' | 'key' | 'record';

/** `record`: as the trigger announces rows. */
const returning = ({ primaryKey }: TableShape, returned: Returned): string => {
  if (returned === 'nothing') return '';
  const columns = primaryKey.map((name) => `t.${escapeIdentifier(name)}`).join(', ');
  return `\n    returning ${returned === 'key' ? columns : 'row_to_json(t) as record'}`;
};

export const insertRows = (table: TableShape, rows: readonly AnyRow[], returned: Returned): Statement => {
  const parameters = new Parameters(table);
  const columns = [...table.columns.keys()];
  const arrays = columns.map((column) =>
    parameters.each(
      column,
      rows.map((row) => row[column]),
    ),
  );
  const text = `insert into ${escapeIdentifier(table.name)} as t (${columns.map((name) => escapeIdentifier(name)).join(', ')})
    select * from unnest(${arrays.join(', ')})
    on conflict (${table.primaryKey.map((name) => escapeIdentifier(name)).join(', ')}) do nothing${returning(table, returned)}`;
  return { text, values: parameters.values };
};

/** Patches that change the same columns go into one statement. */
export const byShape = (patches: readonly Patch[]): readonly (readonly Patch[])[] => {
  const groups = new Map<string, Patch[]>();
  for (const patch of patches) {
    const merges = patch.merges.map(({ column, path }) => [column, ...path]);
    const shape = JSON.stringify([Object.keys(patch.set).sort(), Object.keys(patch.fill).sort(), merges]);
    const group = groups.get(shape);
    if (group) group.push(patch);
    else groups.set(shape, [patch]);
  }
  return [...groups.values()];
};

/** @param patches of one shape, one for a row */
export const patchRows = (table: TableShape, patches: readonly Patch[], returned: Returned): Statement => {
  const parameters = new Parameters(table);
  const sources: string[] = [];
  const source = (column: string, valueOf: (patch: Patch) => unknown): string => {
    sources.push(parameters.each(column, patches.map(valueOf)));
    return `v.c${sources.length}`;
  };
  const first = patches[0];
  if (!first) throw new TypeError('Expected at least one patch');
  const key = table.primaryKey.map(
    (column) => `t.${escapeIdentifier(column)} = ${source(column, ({ key }) => key[column])}`,
  );
  // In one order whatever the events' was: statements of one shape are one text.
  const columnsOf = (values: object) => Object.keys(values).sort();
  const sets = columnsOf(first.set).map((column) => ({ column, sql: source(column, ({ set }) => set[column]) }));
  const fills = columnsOf(first.fill).map((column) => ({
    column,
    sql: `coalesce(t.${escapeIdentifier(column)}, ${source(column, ({ fill }) => fill[column])})`,
  }));
  const merges = new Map<string, string>();
  first.merges.forEach(({ column, path }: Merge<AnyRow>, index) => {
    const target = merges.get(column) ?? `t.${escapeIdentifier(column)}`;
    const value = source(column, (patch) => patch.merges[index]?.value);
    const at = path.length > 0 ? `${parameters.raw(path)}::text[]` : null;
    merges.set(
      column,
      at ? `jsonb_set(${target}, ${at}, (${target}) #> ${at} || ${value})` : `(${target} || ${value})`,
    );
  });
  const assignments = [...sets, ...fills, ...[...merges].map(([column, sql]) => ({ column, sql }))];
  const revision = sets.find(({ column }) => column === 'revision')?.sql;
  const text = `update ${escapeIdentifier(table.name)} t
    set ${assignments.map(({ column, sql }) => `${escapeIdentifier(column)} = ${sql}`).join(', ')}
    from unnest(${sources.join(', ')}) as v(${sources.map((_, index) => `c${index + 1}`).join(', ')})
    where ${key.join(' and ')} and t.revision < ${revision}${returning(table, returned)}`;
  return { text, values: parameters.values };
};

/** An update of whatever rows its key and condition select. */
export const sweepRows = (table: TableShape, { key, where, set }: Update<AnyRow>, returned: Returned): Statement => {
  const parameters = new Parameters(table);
  const assignments = Object.entries(set).map(
    ([column, value]) => `${escapeIdentifier(column)} = ${parameters.one(column, value)}`,
  );
  const conditions = Object.entries(key).map(
    ([column, value]) => `${escapeIdentifier(column)} = ${parameters.one(column, value)}`,
  );
  if (where) conditions.push(`${escapeIdentifier(where.column)} = any(${parameters.each(where.column, where.among)})`);
  conditions.push(`revision < ${parameters.one('revision', set.revision)}`);
  const text = `update ${escapeIdentifier(table.name)} t set ${assignments.join(', ')}
    where ${conditions.join(' and ')}${returning(table, returned)}`;
  return { text, values: parameters.values };
};

/** Finds the first of these rows that does not exist. */
export const findMissing = (table: TableShape, patches: readonly Patch[]): Statement => {
  const parameters = new Parameters(table);
  const arrays = table.primaryKey.map((column) =>
    parameters.each(
      column,
      patches.map(({ key }) => key[column]),
    ),
  );
  const columns = table.primaryKey.map((name) => escapeIdentifier(name));
  const same = columns.map((column) => `t.${column} = v.${column}`);
  const text = `select v.* from unnest(${arrays.join(', ')}) as v(${columns.join(', ')})
    where not exists (select from ${escapeIdentifier(table.name)} t where ${same.join(' and ')}) limit 1`;
  return { text, values: parameters.values };
};
