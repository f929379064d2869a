import type pg from 'pg';
import type { AnyRow, Change } from '../../../application/projections/projection.js';
import { CannotApply } from '../../../application/projections/projection-store.js';
import { segmentsOf, type Patch } from './row-segments.js';
import { byShape, findMissing, insertRows, patchRows, sweepRows, type Statement } from './row-statements.js';
import type { TableShape } from './table-shape.js';

/** Statements that the server keeps for a connection: there is one for each set of columns that change together. */
const NAMED_STATEMENTS = 200;
const names = new Map<string, string>();

/** Under a name the server parses and plans a statement once. */
const nameOf = (text: string): string | undefined => {
  if (!names.has(text) && names.size < NAMED_STATEMENTS) names.set(text, `write-rows-${names.size + 1}`);
  return names.get(text);
};

/** Rows on their way: `statements` in the order in which they were sent. */
export type Sent = Readonly<{
  statements: readonly Promise<unknown>[];
  /** When all are done. @throws CannotApply where a row that was to change was never born */
  check: () => Promise<void>;
}>;

/**
 * Sends one projection's changes inside the transaction that is open on `client`, all at once: it has to be in pipeline mode.
 * The first statement that fails says why; those after it only say that the transaction has failed.
 * @throws CannotApply, here or by a statement, where these changes can never be written
 */
export const sendRows = (client: pg.Client, table: TableShape, changes: readonly Change<AnyRow>[]): Sent => {
  const cannotApply = (error: unknown): never => {
    throw isDataError(error) ? new CannotApply(table.name, (error as Error).message, { cause: error }) : error;
  };
  const statements: Promise<unknown>[] = [];
  const fewer: Patch[] = [];
  const run = ({ text, values }: Statement) => client.query({ name: nameOf(text), text, values: [...values] });
  const send = (statement: Statement, then: (rowCount: number | null) => void = () => undefined) => {
    const done = run(statement).then(({ rowCount }) => then(rowCount), cannotApply);
    done.catch(() => undefined); // nobody waits for it where what follows cannot be sent
    statements.push(done);
  };
  try {
    for (const { inserts, patches, sweeping } of segmentsOf(changes, table.primaryKey)) {
      if (inserts.length > 0) send(insertRows(table, inserts));
      for (const alike of byShape(patches))
        send(patchRows(table, alike), (changed) => changed !== alike.length && fewer.push(...alike));
      if (sweeping) send(sweepRows(table, sweeping));
    }
  } catch (error) {
    return cannotApply(error);
  }
  /** A row that holds the event already is left alone; one that was never born has lost its first event. */
  const check = async () => {
    if (fewer.length === 0) return;
    const { rows } = await run(findMissing(table, fewer));
    if (rows.length === 0) return;
    const key = JSON.stringify(rows[0]);
    throw new CannotApply(table.name, `Expected a row ${key} to change, there is none: its first event is missing`);
  };
  return { statements, check };
};

/** SQLSTATE classes of what is wrong with the data: data exception, constraint violation, a limit exceeded. */
const isDataError = (error: unknown): boolean => {
  if (error instanceof TypeError) return true;
  const code = (error as { code?: unknown }).code;
  return typeof code === 'string' && /^(22|23|54)...$/.test(code);
};
