/** Cells that are known to be wrong, each with its reason. A cell that has begun to be right is a problem too: it leaves the list. */
import type { Mode } from '../support/faulty-server/modes.js';
import { COLUMNS, WHOLE, type Cells, type Column } from './cells.js';
import { LOST_TAIL } from './lost-tail.js';
import type { OrderName } from './orders.js';

const UNKNOWN = 'a refusal of the server is answered as an unknown outcome';

const ofClients: readonly OrderName[] = [
  ...(['start', 'pause', 'resume', 'retry', 'cancel', 'execute-step'] as const),
  ...(['hold of an agent', 'webhook subscription'] as const),
];
const inAll = (columns: readonly Column[], reason: string) => Object.fromEntries(columns.map((each) => [each, reason]));

/** A mode of the server, or the loss of its tail. */
export type Row = Mode | typeof LOST_TAIL;

const KNOWN: Partial<Record<Row, Partial<Record<Column, string>>>> = {
  'not ready': inAll(ofClients, UNKNOWN),
  busy: inAll(ofClients, UNKNOWN),
  'no leader': inAll(ofClients, UNKNOWN),
  'appends denied': inAll(ofClients, UNKNOWN),
  // The others decide on what the instance remembers, and read nothing.
  'reads denied': inAll(['hold of an agent', 'webhook subscription'], UNKNOWN),
  [LOST_TAIL]: { [WHOLE]: 'nothing compares the log with what was read of it' },
};

/** What is wrong and not known, and what is known and no longer wrong. */
export const unexpected = (row: Row, cells: Cells): readonly string[] =>
  COLUMNS.flatMap((column) => {
    const [problem, reason] = [cells.get(column), KNOWN[row]?.[column]];
    if (problem && !reason) return [`${column}: ${problem}`];
    return !problem && reason ? [`${column}: right by now, and still in the list of known cells (${reason})`] : [];
  });
