import type pg from 'pg';
import { escapeIdentifier } from 'pg';
import type { DataSource, EntityManager } from 'typeorm';
import type { JsonRow, RowChange } from '../../../application/live/row-changes.js';

/** What the trigger `announce_changes` says of one row: all of it, or its key alone where it is large or gone. */
type Announcement = Readonly<{
  schema: string;
  table: string;
  type: RowChange['type'];
  at: string;
  late?: boolean;
}> &
  Readonly<{ record?: JsonRow; key?: JsonRow }>;

/** Another table has taken the place of one: none of its rows is announced. */
export type Exchange = Readonly<{ schema: string; exchanged: string }>;

/** A session tells the connection that listens in its own process which of its transactions are committed. */
export type OwnMark = Readonly<{
  schema: string;
  /** Of that process; others pass the mark over. */
  own: string;
  number: number;
  /** Announced before the first row of the transaction, and after its last. */
  is: 'begun' | 'ended';
}>;

export const CHANNEL = 'workflow_executor_changes';

/** Of the two numbers of the advisory lock; the other is the hash of the table's name with its schema. */
export const LISTENERS = 72051131;

/** Set to `on` by a transaction whose rows lie behind what was announced before. */
export const LATE = 'workflow_executor.late';

/** A change whose row is known, or one whose row has yet to be read. */
export type AnnouncedChange = RowChange & Readonly<{ toRead: boolean }>;

/** @returns null for what is neither: any client of the database may speak on the channel */
export const announcementOf = (payload: string): Announcement | Exchange | OwnMark | null => {
  try {
    const parsed = JSON.parse(payload) as Partial<Announcement & Exchange & OwnMark> | null;
    if (!parsed?.schema) return null;
    const isChange = parsed.table && parsed.type && !Number.isNaN(Date.parse(parsed.at ?? ''));
    const isOther = typeof parsed.exchanged === 'string' || typeof parsed.own === 'string';
    return isChange || isOther ? (parsed as Announcement | Exchange | OwnMark) : null;
  } catch {
    return null;
  }
};

/** @param keyOf the columns of the primary key, by table */
export const changeOf = (
  announced: Announcement,
  keyOf: ReadonlyMap<string, readonly string[]>,
): AnnouncedChange | null => {
  const { table, type, record = null } = announced;
  const columns = keyOf.get(table);
  const source = announced.key ?? record;
  if (!columns || !source) return null;
  const key = Object.fromEntries(columns.map((name) => [name, source[name] ?? null]));
  const at = new Date(announced.at).toISOString();
  return { table, type, key, record, late: announced.late === true, at, toRead: record === null && type !== 'DELETE' };
};

/** Counts, in the transaction that does it, that rows come to be behind the checkpoint, or that the table is exchanged. */
export const noteLate = async (
  client: Pick<pg.Client, 'query'>,
  projection: string,
  what: 'late' | 'exchanged',
): Promise<void> => {
  await client.query(
    `insert into projection_late as noted (projection, position, ${what})
     select projection, position, 1 from projection_checkpoints where projection = $1
     on conflict (projection) do update set
       position = greatest(noted.position, excluded.position), ${what} = noted.${what} + 1`,
    [projection],
  );
};

/**
 * Completes changes of which only the key was announced, with one statement a table. A row that is gone by now is left out:
 * its deletion is a change of its own.
 */
export const readAnnounced = async (
  dataSource: DataSource,
  changes: readonly AnnouncedChange[],
): Promise<readonly RowChange[]> => {
  const rows = new Map<string, JsonRow>();
  const incomplete = changes.filter(({ toRead }) => toRead);
  await dataSource.transaction(async (manager) => {
    // As the trigger writes rows: the database may be in another time zone.
    await manager.query(`set local timezone to 'UTC'`);
    for (const table of new Set(incomplete.map((change) => change.table))) {
      const keys = incomplete.filter((change) => change.table === table).map(({ key }) => key);
      for (const row of await readRows(manager, table, keys)) rows.set(named(table, row, Object.keys(keys[0]!)), row);
    }
  });
  return changes.flatMap((change) => {
    if (!change.toRead) return [change];
    const record = rows.get(named(change.table, change.key, Object.keys(change.key)));
    return record ? [{ ...change, record }] : [];
  });
};

const readRows = async (manager: EntityManager, table: string, keys: readonly JsonRow[]): Promise<JsonRow[]> => {
  const columns = Object.keys(keys[0]!);
  const same = columns
    .map((column) => `live.${escapeIdentifier(column)} = sought.${escapeIdentifier(column)}`)
    .join(' and ');
  const found = await manager.query<{ record: JsonRow }[]>(
    `select row_to_json(live) as record from ${escapeIdentifier(table)} as live
     join jsonb_populate_recordset(null::${escapeIdentifier(table)}, $1::jsonb) as sought on ${same}`,
    [JSON.stringify(keys)],
  );
  return found.map(({ record }) => record);
};

const named = (table: string, row: JsonRow, columns: readonly string[]): string =>
  JSON.stringify([table, ...columns.map((column) => row[column])]);
