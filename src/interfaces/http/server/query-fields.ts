/** Fields of a query string, which are text: what they may hold, and what they mean. */
import { Field } from './fields.js';

export const FlagText = () => Field('true or false', (value) => value === 'true' || value === 'false');
export const isTrue = (text: string | undefined): boolean => text === 'true';

export const OneOf = (...values: readonly string[]) =>
  Field(values.join(' or '), (value) => typeof value === 'string' && values.includes(value));

const isDigits = (value: unknown): value is string => typeof value === 'string' && /^\d{1,19}$/.test(value);

export const IntegerText = (least: number, most: number) =>
  Field(`a whole number from ${least} to ${most}`, (value) => isDigits(value) && +value >= least && +value <= most);

const LARGEST_REVISION = 2n ** 63n - 1n;
export const RevisionText = () =>
  Field('a revision: a whole number from 0', (value) => isDigits(value) && BigInt(value) <= LARGEST_REVISION);
export const revisionOf = (text: string | undefined): bigint | null => (text === undefined ? null : BigInt(text));

const INSTANT = /^(\d{4}-\d{2}-\d{2})(T\d{2}:\d{2}(:\d{2}(\.\d{1,9})?)?(Z|[+-]\d{2}:\d{2}))?$/;

export const InstantText = () =>
  Field('an ISO-8601 time with its zone (2026-01-31T12:00:00Z; + as %2B), or a date, in UTC', (value) => {
    const day = typeof value === 'string' ? INSTANT.exec(value)?.[1] : undefined;
    return day !== undefined && !Number.isNaN(Date.parse(value as string)) && isDay(day);
  });
export const instantOf = (text: string | undefined): Date | undefined =>
  text === undefined ? undefined : new Date(text);

/** Date.parse takes 30 February for 2 March. */
const isDay = (day: string): boolean => {
  const time = new Date(`${day}T00:00:00Z`);
  return !Number.isNaN(time.getTime()) && time.toISOString().startsWith(day);
};

/** What the read side gave out: it reads it, and refuses what it did not give out. */
export const CursorText = () =>
  Field(
    'a cursor as an earlier answer gave it',
    (value) => typeof value === 'string' && /^[A-Za-z0-9._~=-]{1,1024}$/.test(value),
  );
