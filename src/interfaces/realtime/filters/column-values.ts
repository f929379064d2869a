/** How the values of a type of Postgres are read from a filter and from a row, and compared. */
import { canonicalJson, type Json } from '../../../domain/json.js';

const DAY = /^(\d{4,6})-(\d{2})-(\d{2})/.source;
const TIME = /(?:[T ]\s*(\d{2}):(\d{2})(?::(\d{2})(?:\.(\d{1,6})\d*)?)?\s*(Z|[+-]\d{2}(?::?\d{2})?)?)?$/.source;
const INSTANT = new RegExp(DAY + TIME, 'i');

/**
 * An instant as ISO 8601 has it, or Postgres shows it; without an offset it is UTC.
 * @returns microseconds since 1970, undefined for anything else
 */
const readInstant = (text: string): number | undefined => {
  const trimmed = text.trim();
  if (/^-?infinity$/i.test(trimmed)) return trimmed.startsWith('-') ? -Infinity : Infinity;
  const found = INSTANT.exec(trimmed);
  if (!found) return undefined;
  const [, year, month, day, hour = '0', minute = '0', second = '0', fraction = '', offset = 'Z'] = found;
  const date = new Date(0);
  date.setUTCFullYear(Number(year), Number(month) - 1, Number(day));
  // The 30th of February would be read as a day of March.
  if (date.getUTCMonth() !== Number(month) - 1 || date.getUTCDate() !== Number(day)) return undefined;
  if (Number(hour) > 24 || Number(minute) > 59 || Number(second) > 60) return undefined;
  const seconds = Number(hour) * 3_600 + Number(minute) * 60 + Number(second) - offsetSeconds(offset);
  return date.getTime() * 1_000 + seconds * 1_000_000 + Number(fraction.padEnd(6, '0'));
};

const offsetSeconds = (offset: string): number => {
  const [, sign, hours, minutes = '0'] = /^([+-])(\d{2}):?(\d{2})?$/.exec(offset) ?? [];
  if (hours === undefined) return 0;
  return (sign === '-' ? -1 : 1) * (Number(hours) * 3_600 + Number(minutes) * 60);
};

/** Text, or a number as exactly as it can be had: of rows as JSON has it, of filters as it is written. */
export type Value = string | number | bigint | boolean;

export type ColumnValues = Readonly<{
  /** What Postgres calls the type where it complains. */
  name: string;
  isText?: boolean;
  /** False where values have no order, or none that is known here. */
  isOrdered: boolean;
  /** @returns undefined for text that is no value of the type */
  read: (text: string) => Value | undefined;
  /** @param json not null */
  of: (json: Json) => Value | undefined;
  /** Negative, 0 or positive. */
  compare: (a: Value, b: Value) => number;
}>;

const bySize = (a: Value, b: Value): number => (a < b ? -1 : a > b ? 1 : 0);

const integer = (name: string, bits: bigint): ColumnValues => ({
  name,
  isOrdered: true,
  read: (text) => {
    if (!/^\s*[+-]?\d{1,30}\s*$/.test(text)) return undefined;
    const value = BigInt(text.trim().replace(/^\+/, ''));
    return BigInt.asIntN(Number(bits), value) === value ? value : undefined;
  },
  of: (json) => (typeof json === 'number' ? json : undefined),
  compare: bySize,
});

/** NaN is equal to itself and above all others. */
const byNumber = (a: Value, b: Value): number =>
  Number.isNaN(a) || Number.isNaN(b) ? Number(Number.isNaN(a)) - Number(Number.isNaN(b)) : bySize(a, b);

const readNumber = (text: string): number | undefined => {
  const trimmed = text.trim();
  if (/^[+-]?(\d+(\.\d*)?|\.\d+)(e[+-]?\d+)?$/i.test(trimmed)) return Number(trimmed);
  if (/^nan$/i.test(trimmed)) return NaN;
  const [, sign] = /^([+-]?)inf(?:inity)?$/i.exec(trimmed) ?? [];
  return sign === undefined ? undefined : sign === '-' ? -Infinity : Infinity;
};

const float = (name: string): ColumnValues => ({
  name,
  isOrdered: true,
  read: readNumber,
  of: (json) => (typeof json === 'number' ? json : typeof json === 'string' ? readNumber(json) : undefined),
  compare: byNumber,
});

/** By code point, as a database with collation C does. */
const text = (name: string): ColumnValues => ({
  name,
  isText: true,
  isOrdered: true,
  read: (value) => value,
  of: (json) => (typeof json === 'string' ? json : undefined),
  compare: (a, b) => (a === b ? 0 : Buffer.compare(Buffer.from(String(a)), Buffer.from(String(b)))),
});

const readUuid = (value: string): string | undefined => {
  const [, inside = value.trim()] = /^\s*\{(.*)\}\s*$/.exec(value) ?? [];
  if (!/^[\da-f]{4}(-?[\da-f]{4}){7}$/i.test(inside)) return undefined;
  return inside
    .replaceAll('-', '')
    .toLowerCase()
    .replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
};

const uuid: ColumnValues = {
  name: 'uuid',
  isOrdered: true,
  read: readUuid,
  of: (json) => (typeof json === 'string' ? json : undefined),
  compare: bySize,
};

/** Any beginning of these words, as far as it is of one of them only. */
const readBoolean = (value: string): boolean | undefined => {
  const word = value.trim().toLowerCase();
  if (/^(t|tr|tru|true|y|ye|yes|on|1)$/.test(word)) return true;
  return /^(f|fa|fal|fals|false|n|no|of|off|0)$/.test(word) ? false : undefined;
};

const boolean: ColumnValues = {
  name: 'boolean',
  isOrdered: true,
  read: readBoolean,
  of: (json) => (typeof json === 'boolean' ? json : undefined),
  compare: bySize,
};

const instant = (name: string): ColumnValues => ({
  name,
  isOrdered: true,
  read: readInstant,
  of: (json) => (typeof json === 'string' ? readInstant(json) : undefined),
  compare: bySize,
});

const readDocument = (value: string): string | undefined => {
  try {
    return canonicalJson(JSON.parse(value) as Json);
  } catch {
    return undefined;
  }
};

/** A row's document is written once, however many filters ask for it. */
const documents = new WeakMap<object, string>();
const documentOf = (json: Json): string => {
  if (typeof json !== 'object' || json === null) return canonicalJson(json);
  const written = documents.get(json) ?? canonicalJson(json);
  documents.set(json, written);
  return written;
};

const jsonb: ColumnValues = {
  name: 'jsonb',
  isOrdered: false,
  read: readDocument,
  of: documentOf,
  compare: bySize,
};

const TYPES: Readonly<Record<string, ColumnValues>> = {
  int2: integer('smallint', 16n),
  int4: integer('integer', 32n),
  int8: integer('bigint', 64n),
  float4: float('real'),
  float8: float('double precision'),
  numeric: float('numeric'),
  text: text('text'),
  varchar: text('character varying'),
  uuid,
  bool: boolean,
  timestamptz: instant('timestamp with time zone'),
  jsonb,
};

/** @param type as the catalogue names it. @returns undefined for a type whose values cannot be compared */
export const valuesOf = (type: string): ColumnValues | undefined => TYPES[type];
