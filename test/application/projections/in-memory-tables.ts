/** The reference for the store: the same events, folded without SQL. */
import { foldRows } from '../../../src/application/projections/fold-rows.js';
import { projections } from '../../../src/application/projections/index.js';
import type { AnyRow, Projection } from '../../../src/application/projections/projection.js';
import type { RecordedEvent } from '../../../src/application/log/event-log.js';

export type Tables = ReadonlyMap<string, readonly AnyRow[]>;

export const tablesOf = (events: readonly RecordedEvent[], list: readonly Projection[] = projections): Tables =>
  foldRows(list, events);
