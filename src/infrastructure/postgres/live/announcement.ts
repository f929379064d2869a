import type { JsonRow, RowChange } from '../../../application/live/row-changes.js';

/** What the trigger `announce_changes` says of one row: all of it, or its key alone where it is large or gone. */
export type Announcement = Readonly<{
  schema: string;
  table: string;
  type: RowChange['type'];
  at: string;
  late?: boolean;
}> &
  Readonly<{ record?: JsonRow; key?: JsonRow }>;

/** Another table has taken the place of one, with whatever rows: no row of it is announced. */
export type Exchange = Readonly<{ schema: string; exchanged: string }>;

export const CHANNEL = 'workflow_executor_changes';

/** Of the two numbers of the advisory lock; the other is the hash of the table's name with its schema. */
export const LISTENERS = 72051131;

/** Set to `on` by a transaction whose rows lie behind what was announced before. */
export const LATE = 'workflow_executor.late';

/** A change whose row is known, or one whose row has yet to be read. */
export type Told = RowChange & Readonly<{ toRead: boolean }>;

/** @returns null for what is neither: any client of the database may speak on the channel */
export const announcementOf = (payload: string): Announcement | Exchange | null => {
  try {
    const parsed = JSON.parse(payload) as Partial<Announcement & Exchange> | null;
    if (!parsed?.schema) return null;
    const isChange = parsed.table && parsed.type && !Number.isNaN(Date.parse(parsed.at ?? ''));
    return isChange || typeof parsed.exchanged === 'string' ? (parsed as Announcement | Exchange) : null;
  } catch {
    return null;
  }
};

/** @param keyOf the columns of the primary key, by table */
export const told = (announced: Announcement, keyOf: ReadonlyMap<string, readonly string[]>): Told | null => {
  const { table, type, record = null } = announced;
  const columns = keyOf.get(table);
  const source = announced.key ?? record;
  if (!columns || !source) return null;
  const key = Object.fromEntries(columns.map((name) => [name, source[name] ?? null]));
  const at = new Date(announced.at).toISOString();
  return { table, type, key, record, late: announced.late === true, at, toRead: record === null && type !== 'DELETE' };
};
