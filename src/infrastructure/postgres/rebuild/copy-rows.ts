/** Rows into a table by COPY: one statement, whatever their number, and no parameter is parsed. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import type pg from 'pg';
import { escapeIdentifier } from 'pg';
import type { AnyRow } from '../../../application/projections/projection.js';
import { encode, type ColumnShape, type TableShape } from '../projections/row-statements.js';

/** Characters that are put into bytes at once. */
const CHUNK_CHARACTERS = 256 * 1024;
/** What may wait in the socket before more is made. */
const BUFFERED_BYTES = 4 * 1024 * 1024;

type Wire = Readonly<{
  stream: NodeJS.WriteStream;
  query: (text: string) => void;
  sendCopyFromChunk: (chunk: Uint8Array) => void;
  endCopyFrom: () => void;
}>;

/** The protocol's side of one COPY, as `pg` wants a query to be. */
class CopyIn {
  /** Of `pg`, whose time-out hears by it that the statement is over. */
  callback: (() => void) | undefined;
  readonly done: Promise<void>;
  private isOver = false;
  private resolve!: () => void;
  private reject!: (error: unknown) => void;

  constructor(
    private readonly text: string,
    private readonly chunks: readonly Uint8Array[],
  ) {
    this.done = new Promise((resolve, reject) => ([this.resolve, this.reject] = [resolve, reject]));
  }

  /** Rows follow the statement without waiting for its answer: where the server refuses it, it ignores them. */
  submit(connection: pg.Connection): void {
    const wire = connection as unknown as Wire;
    wire.query(this.text);
    void this.send(wire);
  }

  handleCopyInResponse(): void {
    // The rows are on their way.
  }

  private async send(wire: Wire): Promise<void> {
    for (const chunk of this.chunks) {
      wire.sendCopyFromChunk(chunk);
      if (wire.stream.writableLength > BUFFERED_BYTES) await drained(wire.stream);
      // The server has refused it: what is sent from here on would be taken for rows of the next one.
      if (this.isOver) return;
    }
    wire.endCopyFrom();
  }

  handleError(error: unknown): void {
    this.isOver = true;
    this.callback?.();
    this.reject(error);
  }

  handleReadyForQuery(): void {
    this.callback?.();
    this.resolve();
  }

  handleCommandComplete(): void {
    // What follows says that it is over.
  }
}

/** Where the connection is lost instead, the query fails as a whole. */
const drained = (stream: NodeJS.WriteStream): Promise<void> =>
  new Promise((resolve) => {
    const go = () => {
      stream.off('drain', go).off('close', go);
      resolve();
    };
    stream.once('drain', go).once('close', go);
  });

/** @param client that is not in pipeline mode @param rows as `encodeRows` gives them for that table */
export const copyRows = async (
  client: pg.Client,
  schema: string,
  table: TableShape,
  rows: readonly Uint8Array[],
): Promise<void> => {
  const names = [...table.columns.keys()].map((name) => escapeIdentifier(name)).join(', ');
  const text = `copy ${escapeIdentifier(schema)}.${escapeIdentifier(table.name)} (${names}) from stdin`;
  await client.query(new CopyIn(text, rows)).done;
};

/** Between two chunks others have their turn, the connection too. @throws TypeError where a value has no form in its column */
export const encodeRows = async ({ columns }: TableShape, rows: readonly AnyRow[]): Promise<readonly Uint8Array[]> => {
  const shapes = [...columns];
  const chunks: Uint8Array[] = [];
  let text = '';
  for (const row of rows) {
    let separator = '';
    for (const [name, shape] of shapes) {
      text += separator + cell(name, shape, row[name]);
      separator = '\t';
    }
    text += '\n';
    if (text.length < CHUNK_CHARACTERS) continue;
    chunks.push(Buffer.from(text));
    text = '';
    await nextTurn();
  }
  if (text !== '') chunks.push(Buffer.from(text));
  return chunks;
};

const cell = (name: string, shape: ColumnShape, value: unknown): string => {
  if (value === null && shape.nullable) return '\\N';
  try {
    const encoded = encode(shape, value);
    if (typeof encoded === 'string') return escaped(encoded);
    if (typeof encoded === 'number' || typeof encoded === 'boolean') return `${encoded}`;
    throw new TypeError(`expected a text, a number or a boolean, got ${typeof encoded}`);
  } catch (error) {
    throw new TypeError(`${name}: ${(error as Error).message}`, { cause: error });
  }
};

const ESCAPES: Readonly<Record<string, string>> = { '\\': '\\\\', '\n': '\\n', '\r': '\\r', '\t': '\\t' };
const escaped = (text: string): string =>
  /[\\\n\r\t]/.test(text) ? text.replace(/[\\\n\r\t]/g, (character) => ESCAPES[character]!) : text;
