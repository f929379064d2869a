import type { Json } from '../../domain/json.js';
import type { JsonRow, RowChange, TableColumn } from '../../application/live/row-changes.js';
import { SCHEMA } from './binding.js';

/** A row that is too large is sent without the columns that are longer than this, as JSON. */
const SMALL_COLUMN = 64;

/**
 * `data` of a message `postgres_changes`, as JSON. Of the row before an UPDATE or DELETE the key is known, as with the
 * replica identity that tables have by default.
 * @param select columns besides the key; null: all
 */
export const changePayload = (
  { table, type, key, record, at }: RowChange,
  columns: readonly TableColumn[],
  select: readonly string[] | null,
  limits: Readonly<{ recordBytes: number }>,
): string => {
  const isSent = (name: string) => select === null || select.includes(name) || name in key;
  const picked =
    record && select ? Object.fromEntries(Object.entries(record).filter(([name]) => isSent(name))) : record;
  const payload = {
    schema: SCHEMA,
    table,
    type,
    commit_timestamp: at,
    columns: columns.filter(({ name }) => isSent(name)).map(({ name, type }) => ({ name, type })),
    errors: null,
    ...(picked ? { record: picked } : {}),
    ...(type === 'INSERT' ? {} : { old_record: key }),
  };
  const whole = JSON.stringify(payload);
  if (!picked || Buffer.byteLength(whole) <= limits.recordBytes) return whole;
  return JSON.stringify({ ...payload, record: smallColumns(picked), errors: ['Error 413: Payload Too Large'] });
};

const smallColumns = (record: JsonRow): Json =>
  Object.fromEntries(
    Object.entries(record).filter(([, value]) => Buffer.byteLength(JSON.stringify(value)) <= SMALL_COLUMN),
  );
