import { escapeIdentifier } from 'pg';
/** SQL for changes of rows. Each column of all rows is one array parameter; names come from entities, never from data. */
import type { AnyRow, Merge, Update } from '../../../application/projections/projection.js';
import { binaryArray, travelsAsBinary } from './binary-array.js';
import type { Patch } from './row-segments.js';
import { encode, type TableShape } from './table-shape.js';

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
    return `${this.raw(travelsAsBinary(type) ? binaryArray(type, encoded as (string | null)[]) : encoded)}::${type}[]`;
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

export const insertRows = (table: TableShape, rows: readonly AnyRow[]): Statement => {
  const parameters = new Parameters(table);
  const columns = [...table.columns.keys()];
  const arrays = columns.map((column) =>
    parameters.each(
      column,
      rows.map((row) => row[column]),
    ),
  );
  const text = `insert into ${escapeIdentifier(table.name)} (${columns.map((name) => escapeIdentifier(name)).join(', ')})
    select * from unnest(${arrays.join(', ')})
    on conflict (${table.primaryKey.map((name) => escapeIdentifier(name)).join(', ')}) do nothing`;
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
export const patchRows = (table: TableShape, patches: readonly Patch[]): Statement => {
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
    where ${key.join(' and ')} and t.revision < ${revision}`;
  return { text, values: parameters.values };
};

/** An update of whatever rows its key and condition select. */
export const sweepRows = (table: TableShape, { key, where, set }: Update<AnyRow>): Statement => {
  const parameters = new Parameters(table);
  const assignments = Object.entries(set).map(
    ([column, value]) => `${escapeIdentifier(column)} = ${parameters.one(column, value)}`,
  );
  const conditions = Object.entries(key).map(
    ([column, value]) => `${escapeIdentifier(column)} = ${parameters.one(column, value)}`,
  );
  if (where) conditions.push(`${escapeIdentifier(where.column)} = any(${parameters.each(where.column, where.among)})`);
  conditions.push(`revision < ${parameters.one('revision', set.revision)}`);
  const text = `update ${escapeIdentifier(table.name)} set ${assignments.join(', ')} where ${conditions.join(' and ')}`;
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
