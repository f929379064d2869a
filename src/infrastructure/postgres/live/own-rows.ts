/** A row as the projections write it, in the forms in which it comes back from its table. Pure. */
import type { JsonRow, TableColumn } from '../../../application/live/row-changes.js';
import type { Json } from '../../../domain/json.js';
import { storable } from '../session/pg-client.js';

type Row = Readonly<Record<string, unknown>>;

/** A column's value as queries read it. */
const readers: Readonly<Record<string, (value: unknown) => unknown>> = {
  uuid: (value) => uuidOf(value as string),
  text: storable,
  int8: String,
  int4: (value) => value,
  float8: (value) => value,
  bool: (value) => value,
  timestamptz: (value) => value,
  json: (value) => value,
  jsonb: (value) => jsonbOf(value),
};

/** What was read, as Postgres writes it in the JSON of a row; other types are the same in both. */
const writers: Readonly<Record<string, (value: unknown) => unknown>> = {
  int8: Number,
  timestamptz: (value) => instantOf(value as Date),
};

/** Whether rows with these columns can be told without asking the table: it has no other column, and none of an unknown type. */
export const isKnown = (columns: readonly TableColumn[], written: Readonly<{ has: (column: string) => boolean }>) =>
  columns.every(({ name, type }) => written.has(name) && type in readers);

/** @param columns for which `isKnown`, in the order of the table */
export const readRow = (columns: readonly TableColumn[], row: Row): Row => {
  const read: Record<string, unknown> = {};
  for (const { name, type } of columns) {
    const value = row[name] ?? null;
    read[name] = value === null ? null : readers[type]!(value);
  }
  return read;
};

/** @param read a row that `readRow` gave */
export const jsonOfRead = (columns: readonly TableColumn[], read: Row): JsonRow => {
  const record: Record<string, Json> = {};
  for (const { name, type } of columns) {
    const value = read[name] ?? null;
    record[name] = (value === null ? null : (writers[type]?.(value) ?? value)) as Json;
  }
  return record;
};

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const GROUPS = /^(.{8})(.{4})(.{4})(.{4})(.{12})$/;

/** Postgres takes a UUID in capitals, in braces, and with its hyphens elsewhere. */
const uuidOf = (text: string): string =>
  UUID.test(text)
    ? text
    : text
        .toLowerCase()
        .replace(/[^0-9a-f]/g, '')
        .replace(GROUPS, '$1-$2-$3-$4-$5');

/** Postgres leaves out zeros at the end of the fraction. */
const instantOf = (instant: Date): string => {
  const [seconds = '', fraction = ''] = instant.toISOString().slice(0, -1).split('.');
  const digits = fraction.replace(/0+$/, '');
  return `${seconds}${digits === '' ? '' : `.${digits}`}+00:00`;
};

/** The keys of an object in `jsonb` are in the order of their length in bytes, then of the bytes. */
const jsonbOf = (value: unknown): unknown => {
  if (typeof value === 'string') return storable(value);
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(jsonbOf);
  const members = Object.entries(value).filter(([, member]) => member !== undefined);
  const stored = members.map(([key, member]) => [storable(key) as string, jsonbOf(member)] as const);
  return Object.fromEntries(stored.sort(([a], [b]) => byLength(a, b)));
};

const byLength = (a: string, b: string): number =>
  Buffer.byteLength(a) - Buffer.byteLength(b) || Buffer.compare(Buffer.from(a), Buffer.from(b));
