/** Rows on their way to their table, inside a transaction that is open. */
import type pg from 'pg';
import { CannotApply } from '../../../application/projections/projection-store.js';
import type { JsonRow } from '../../../application/live/row-changes.js';
import { rowName, type AnyRow, type Change } from '../../../application/projections/projection.js';
import type { OwnTransaction } from '../live/own-transactions.js';
import {
  type TableShape,
  byShape,
  findMissing,
  insertRows,
  patchRows,
  sweepRows,
  type Returned,
  type Statement,
} from './row-statements.js';
import { segmentsOf, type Patch } from './row-segments.js';

/** Statements that the server keeps for a connection: there is one for each set of columns that change together. */
const NAMED_STATEMENTS = 200;
const names = new Map<string, string>();

/** Under a name the server parses and plans a statement once. */
const nameOf = (text: string): string | undefined => {
  if (!names.has(text) && names.size < NAMED_STATEMENTS) names.set(text, `write-rows-${names.size + 1}`);
  return names.get(text);
};

/** Rows on their way: `statements` in the order in which they were sent. */
type Sent = Readonly<{
  statements: readonly Promise<unknown>[];
  /** When all are done. @throws CannotApply where a row that was to change was never born */
  check: () => Promise<void>;
}>;

/** What a statement answers, where it was asked to. */
type Answer = Readonly<{ rowCount: number | null; rows: readonly AnyRow[] }>;

/**
 * Sends one projection's changes inside the transaction that is open on `client`, all at once: it has to be in pipeline mode.
 * The first statement that fails says why; those after it only say that the transaction has failed.
 * @param told tells clients of the rows; null where none follows them here
 * @param folds see `segmentsOf`
 * @throws CannotApply, here or by a statement, where these changes can never be written; WasThere
 */
export const sendRows = (
  client: pg.Client,
  table: TableShape,
  changes: readonly Change<AnyRow>[],
  told: OwnTransaction | null,
  folds: boolean,
): Sent => {
  const cannotApply = (error: unknown): never => {
    throw refusalOf(table.name, error);
  };
  const statements: Promise<unknown>[] = [];
  const fewer: Patch[] = [];
  const run = ({ text, values }: Statement) => client.query<AnyRow>({ name: nameOf(text), text, values: [...values] });
  const send = (statement: Statement, then: (answer: Answer) => void = () => undefined) => {
    const done = run(statement).then(then, cannotApply);
    done.catch(() => undefined); // nothing awaits it where the next statement cannot be sent
    statements.push(done);
  };
  const ofInserts: Returned = !told ? 'nothing' : told.knows(table.name, table.columns) ? 'key' : 'record';
  const ofUpdates: Returned = told ? 'record' : 'nothing';
  try {
    for (const { inserts, patches, sweeping } of segmentsOf(changes, table.primaryKey, folds)) {
      if (inserts.length > 0)
        send(insertRows(table, inserts, ofInserts), ({ rowCount, rows }) => {
          if (folds && rowCount !== inserts.length) throw new WasThere();
          if (ofInserts === 'key') told?.inserted(table.name, insertedOf(inserts, rows, table, told));
          else told?.returned(table.name, 'INSERT', recordsOf(rows));
        });
      for (const alike of byShape(patches))
        send(patchRows(table, alike, ofUpdates), ({ rowCount, rows }) => {
          if (rowCount !== alike.length) fewer.push(...alike);
          told?.returned(table.name, 'UPDATE', recordsOf(rows));
        });
      if (sweeping)
        send(sweepRows(table, sweeping, ofUpdates), ({ rows }) =>
          told?.returned(table.name, 'UPDATE', recordsOf(rows)),
        );
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

const recordsOf = (rows: readonly AnyRow[]): readonly JsonRow[] => rows.map(({ record }) => record as JsonRow);

/** Those of the rows that were not there before. @param keys theirs, in the order in which they were written */
const insertedOf = (
  rows: readonly AnyRow[],
  keys: readonly AnyRow[],
  { primaryKey }: TableShape,
  told: OwnTransaction,
): readonly AnyRow[] => {
  if (keys.length === rows.length) return rows;
  const nameOfRow = (row: AnyRow) => rowName(row, primaryKey);
  const byName = new Map([...rows].reverse().map((row) => [nameOfRow(row), row] as const));
  const inserted = keys.flatMap((key) => {
    const row = byName.get(nameOfRow(key));
    return row ? [row] : [];
  });
  if (inserted.length < keys.length) told.isIncomplete = true;
  return inserted;
};

/** A row that was to be born with later updates in it is there already, and has not got these. */
export class WasThere extends Error {}

/** CannotApply where the data are at fault; the error itself where they are not. */
export const refusalOf = (table: string, error: unknown): unknown =>
  isDataError(error) ? new CannotApply(table, (error as Error).message, { cause: error }) : error;

/** SQLSTATE classes of what is wrong with the data: data exception, constraint violation, a limit exceeded. */
const isDataError = (error: unknown): boolean => {
  if (error instanceof TypeError) return true;
  const code = (error as { code?: unknown }).code;
  return typeof code === 'string' && /^(22|23|54)...$/.test(code);
};
