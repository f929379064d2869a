/** What the changes of projections mean, without SQL: the reference for the store. */
import { FoldedTables } from '../../../src/application/projections/drift/folded-tables.js';
import { projections } from '../../../src/application/projections/index.js';
import type { AnyRow, Projection } from '../../../src/application/projections/projection.js';
import { readEvent } from '../../../src/application/projections/read-event.js';
import type { RecordedEvent } from '../../../src/application/event-log.js';

export type Tables = ReadonlyMap<string, readonly AnyRow[]>;

export const tablesOf = (events: readonly RecordedEvent[], list: readonly Projection[] = projections): Tables => {
  const tables = new FoldedTables();
  for (const event of events) {
    const read = readEvent(event);
    for (const projection of list)
      for (const change of projection.project(read)) tables.apply(projection.table, change);
  }
  return new Map(list.map(({ table }) => [table, [...tables.rows(table)]]));
};
