/** Cells that are known to be wrong, each with its reason. A cell that has begun to be right is a problem too: it leaves the list. */
import type { Mode } from '../support/faulty-server/modes.js';
import { COLUMNS, type Cells, type Column } from './cells.js';
import type { LOST_TAIL } from './lost-tail.js';

/** A mode of the server, or the loss of its tail. */
export type Row = Mode | typeof LOST_TAIL;

const KNOWN: Partial<Record<Row, Partial<Record<Column, string>>>> = {};

/** What is wrong and not known, and what is known and no longer wrong. */
export const unexpected = (row: Row, cells: Cells): readonly string[] =>
  COLUMNS.flatMap((column) => {
    const [problem, reason] = [cells.get(column), KNOWN[row]?.[column]];
    if (problem && !reason) return [`${column}: ${problem}`];
    return !problem && reason ? [`${column}: right by now, and still in the list of known cells (${reason})`] : [];
  });
