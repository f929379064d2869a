import type pg from 'pg';
import type { DataSource } from 'typeorm';
import { failpoint } from '../../../application/runtime/failpoint.js';
import {
  type Poison,
  type ProjectionLease,
  type ProjectionWrite,
  type SkippedEvent,
} from '../../../application/projections/projection-store.js';
import type { HeldConnection } from '../session/lease.js';
import { LATE, LISTENERS, noteLate } from '../live/announcement.js';
import type { OwnTransaction, OwnTransactions, OwnWriter } from '../live/own-transactions.js';
import { storable } from '../session/pg-client.js';
import { tableShape, type TableShape } from './row-statements.js';
import { sendRows, WasThere } from './send-rows.js';

/**
 * Rows are always looked for by their key. Statements are planned once and kept: planned while a table is new and empty, they
 * would read all of it for each batch from then on.
 * Rows are returned as the trigger announces them, with instants in UTC.
 * A commit does not wait for the disk: what a crash of the database takes back, rows and checkpoint together, is taken from the log again.
 */
const SETTINGS = `set enable_seqscan = off; set enable_hashjoin = off; set enable_mergejoin = off; set synchronous_commit = off; set timezone to 'UTC'`;

/**
 * What does not move the checkpoint lies before it: an execution that was held back catches up, or an operator has decided. The
 * followers of the rows have to know; and an operator's answer has to last.
 */
const BEGIN_LATE = `begin; set local synchronous_commit = on; set local ${LATE} = on`;

/** One transaction after the other, on the connection whose lock is the right to write. It is in pipeline mode. */
export class PostgresProjectionSession implements ProjectionLease {
  private readonly client: pg.Client;
  private readonly shapes = new Map<string, TableShape>();
  private readonly teller: OwnWriter | null;
  private isSet = false;
  readonly lost: AbortSignal;

  /** @param own tells this instance's clients of the rows; null: nobody here follows these tables */
  constructor(
    private readonly held: HeldConnection,
    private readonly dataSource: DataSource,
    own: OwnTransactions | null = null,
  ) {
    this.client = held.client;
    this.lost = held.lost;
    this.teller = own?.writer(held.client, held.lost) ?? null;
  }

  apply(writes: readonly ProjectionWrite[]): Promise<void> {
    return this.held.inTurn(async () => {
      const mayFold = writes.every(({ isCatchingUp = false }) => isCatchingUp);
      try {
        await this.write(writes, mayFold);
      } catch (error) {
        if (!(error instanceof WasThere)) throw error;
        await this.write(writes, false);
      }
    });
  }

  /** Outside of any transaction. */
  read<Row extends pg.QueryResultRow>(text: string, values: unknown[] = []): Promise<Row[]> {
    return this.held.inTurn(async (client) => (await client.query<Row>(text, values)).rows);
  }

  async close(): Promise<void> {
    if (!this.lost.aborted) await this.teller?.close();
    await this.held.close();
  }

  private async write(writes: readonly ProjectionWrite[], mayFold: boolean): Promise<void> {
    const { client } = this;
    if (!this.isSet) await client.query(SETTINGS);
    this.isSet = true;
    const late = writes.some(isLate);
    const changed = writes.flatMap(({ projection, changes }) => (changes.length > 0 ? [projection] : []));
    const told = (await this.teller?.next(changed, late)) ?? null;
    // Waited for: were it refused, what follows would be committed statement by statement.
    await client.query(late ? BEGIN_LATE : 'begin');
    try {
      const folds = mayFold && !told && (await this.hasNoListeners(writes));
      const { sent, statements } = this.sendAll(writes, told, folds);
      failpoint('inside-a-batch');
      await inOrder(statements);
      for (const { check } of sent) await check();
      for (const { projection, changes, poisoned, healed, skipped = [], checkpoint } of writes) {
        if (changes.length > 0 && !checkpoint) await noteLate(client, projection, 'late');
        for (const executionId of healed) await this.heal(projection, executionId);
        for (const poison of poisoned) await this.hold(poison);
        for (const each of skipped) await this.noteSkipped(each);
      }
      failpoint('before-commit');
      told?.expect();
      await client.query('commit');
      failpoint('after-commit');
    } catch (error) {
      // A connection that cannot even roll back is of no more use; the server does it when it is closed.
      await client.query('rollback').catch(() => this.close());
      throw error;
    }
  }

  private sendAll(writes: readonly ProjectionWrite[], told: OwnTransaction | null, folds: boolean) {
    const begun = told ? [told.begin(this.client)] : [];
    for (const each of begun) each.catch(() => undefined); // nothing awaits it where the rows cannot be sent
    const sent = writes.flatMap(({ projection, changes }) =>
      changes.length > 0
        ? [sendRows(this.client, this.shape(projection), changes, told?.tells(projection) ? told : null, folds)]
        : [],
    );
    const ended = told ? [told.end(this.client)] : [];
    const statements = [begun, sent.flatMap((each) => each.statements), ended].flat();
    return { sent, statements: [...statements, this.moveCheckpoints(writes)] };
  }

  /**
   * Whether no client follows the rows of these tables. A client that begins to waits for the end of the transaction, as for
   * one that announces nothing (`announce_changes`): so none misses the changes that are folded into births.
   */
  private async hasNoListeners(writes: readonly ProjectionWrite[]): Promise<boolean> {
    const { rows } = await this.client.query<{ alone: boolean }>(
      `select bool_and(pg_try_advisory_xact_lock($1, hashtext(nspname || '.' || relname))) as alone
       from unnest($2::text[]) as wanted(name)
       join pg_class on pg_class.oid = to_regclass(quote_ident(wanted.name))
       join pg_namespace on pg_namespace.oid = relnamespace`,
      [LISTENERS, writes.map(({ projection }) => projection)],
    );
    return rows[0]?.alone === true;
  }

  private async moveCheckpoints(writes: readonly ProjectionWrite[]): Promise<void> {
    const moved = writes.flatMap(({ projection, version, events = 0, checkpoint }) =>
      checkpoint ? [{ projection, version, events, ...checkpoint }] : [],
    );
    if (moved.length === 0) return;
    await this.client.query(
      `insert into projection_checkpoints as present
         (projection, position, last_event_at, version, events, event_position, event_id, updated_at)
       select projection, position, last_event_at, version, events, event_position, event_id, clock_timestamp()
       from unnest($1::text[], $2::bigint[], $3::timestamptz[], $4::integer[], $5::bigint[], $6::bigint[], $7::text[])
         as moved(projection, position, last_event_at, version, events, event_position, event_id)
       on conflict (projection) do update set
         position = excluded.position, last_event_at = excluded.last_event_at, updated_at = excluded.updated_at,
         events = present.events + excluded.events,
         event_position = excluded.event_position, event_id = excluded.event_id
       where present.position < excluded.position`,
      [
        moved.map(({ projection }) => projection),
        moved.map(({ position }) => String(position)),
        moved.map(({ lastEventAt }) => lastEventAt?.toISOString() ?? null),
        moved.map(({ version }) => version),
        moved.map(({ events }) => events),
        moved.map(({ lastEvent }) => lastEvent?.position.toString() ?? null),
        moved.map(({ lastEvent }) => lastEvent?.id ?? null),
      ],
    );
  }

  private async hold({ projection, executionId, position, revision, eventId, error, at }: Poison): Promise<void> {
    await this.client.query(
      `insert into projection_poison (projection, execution_id, position, revision, event_id, error, at)
       values ($1, $2, $3, $4, $5, $6, $7)
       on conflict (projection, execution_id) do update set
         position = excluded.position, revision = excluded.revision, event_id = excluded.event_id,
         error = excluded.error, at = excluded.at`,
      [projection, executionId, position, revision, eventId, error, at].map(storable),
    );
  }

  private async noteSkipped(skipped: SkippedEvent): Promise<void> {
    const { projection, executionId, position, revision, eventId, error, at, actor, reason } = skipped;
    await this.client.query(
      `insert into projection_skipped (projection, execution_id, revision, position, event_id, error, at, actor, reason)
       values ($1, $2, $3, $4, $5, $6, $7, $8, $9) on conflict do nothing`,
      [projection, executionId, revision, position, eventId, error, at, JSON.stringify(actor), reason].map(storable),
    );
  }

  private async heal(projection: string, executionId: string): Promise<void> {
    await this.client.query('delete from projection_poison where projection = $1 and execution_id = $2', [
      projection,
      storable(executionId),
    ]);
  }

  private shape(table: string): TableShape {
    const shape = this.shapes.get(table) ?? tableShape(this.dataSource, table);
    this.shapes.set(table, shape);
    return shape;
  }
}

const isLate = ({ checkpoint, changes, poisoned, healed, skipped = [] }: ProjectionWrite): boolean =>
  !checkpoint && [changes, poisoned, healed, skipped].some(({ length }) => length > 0);

/** When all have ended. @throws what the first that failed says */
const inOrder = async (statements: readonly Promise<unknown>[]): Promise<void> => {
  const ended = await Promise.allSettled(statements);
  const failed = ended.find(({ status }) => status === 'rejected') as PromiseRejectedResult | undefined;
  if (failed) throw failed.reason;
};
