import { escapeIdentifier } from 'pg';
import type { DataSource, EntityManager } from 'typeorm';
import type { JsonRow, RowChange } from '../../../application/live/row-changes.js';
import type { Told } from './announcement.js';

/**
 * Completes changes of which only the key was told, with one statement a table. A row that is gone by now is left out:
 * that it was deleted is told by a change of its own.
 */
export const readAnnounced = async (
  dataSource: DataSource,
  changes: readonly Told[],
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
  return changes.flatMap(({ toRead, ...change }) => {
    if (!toRead) return [change];
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
