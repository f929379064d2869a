import type pg from 'pg';
import type { AnyRow, Change } from '../../application/projections/projection.js';
import { CannotApply } from '../../application/projections/projection-store.js';
import { segmentsOf, type Patch } from './row-changes.js';
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

/**
 * Writes one projection's changes inside the transaction that is open on `client`.
 * @throws CannotApply where these changes can never be written
 */
export const writeRows = async (
  client: pg.Client,
  table: TableShape,
  changes: readonly Change<AnyRow>[],
): Promise<void> => {
  const run = ({ text, values }: Statement) => client.query({ name: nameOf(text), text, values: [...values] });
  try {
    for (const { inserts, patches, sweeping } of segmentsOf(changes, table.primaryKey)) {
      if (inserts.length > 0) await run(insertRows(table, inserts));
      for (const alike of byShape(patches)) {
        const { rowCount } = await run(patchRows(table, alike));
        if (rowCount !== alike.length) await mustExist(alike);
      }
      if (sweeping) await run(sweepRows(table, sweeping));
    }
  } catch (error) {
    throw isDataError(error) ? new CannotApply(table.name, (error as Error).message, { cause: error }) : error;
  }

  /** A row that holds the event already is left alone; one that was never born has lost its first event. */
  async function mustExist(patches: readonly Patch[]): Promise<void> {
    const { rows } = await run(findMissing(table, patches));
    if (rows.length === 0) return;
    const key = JSON.stringify(rows[0]);
    throw new CannotApply(table.name, `Expected a row ${key} to change, there is none: its first event is missing`);
  }
};

/** SQLSTATE classes of what is wrong with the data: data exception, constraint violation, a limit exceeded. */
const isDataError = (error: unknown): boolean => {
  if (error instanceof TypeError) return true;
  const code = (error as { code?: unknown }).code;
  return typeof code === 'string' && /^(22|23|54)...$/.test(code);
};
