import type pg from 'pg';
import { escapeIdentifier } from 'pg';
import type { DataSource } from 'typeorm';
import type { Clock } from '../../../application/runtime/clock.js';
import type { ProjectionLease } from '../../../application/projections/projection-store.js';
import type { BulkBegin, BulkPass, BulkWriter } from '../../../application/rebuild/bulk-store.js';
import type {
  Area,
  AreaWriter,
  Compared,
  LiveMark,
  RebuildSession,
  Swap,
} from '../../../application/rebuild/rebuild-store.js';
import { HeldConnection } from '../session/lease.js';
import { setTimes } from '../session/pg-client.js';
import { tableShape } from '../projections/row-statements.js';
import { checkpointsOf, poisonOf, skippedOf } from '../projections/postgres-live-rows.js';
import { PostgresProjectionSession } from '../projections/postgres-projection-session.js';
import { clearArea, makeArea, type Schemas } from './areas.js';
import { compareTables, NO_DIFFERENCE, sameRows } from './compare-tables.js';
import { passesIn, PostgresBulkWriter } from './postgres-bulk-writer.js';
import { createBare, createLike, endVacuums, swapTables, type SwapLimits } from './swap-tables.js';

/**
 * The way in which the live tables are written, with the tables of `schema` in their place: the search path finds those
 * first. One connection of its own.
 */
const openWriter = async (
  connect: () => Promise<pg.Client>,
  dataSource: DataSource,
  schema: string,
  live: string,
  silenceMs: number,
): Promise<AreaWriter> => {
  const client = await connect();
  await client.query(`select set_config('search_path', $1, false)`, [
    `${escapeIdentifier(schema)}, ${escapeIdentifier(live)}`,
  ]);
  const session = new PostgresProjectionSession(new HeldConnection(client, silenceMs / 4), dataSource);
  return {
    lost: session.lost,
    apply: (writes) => session.apply(writes),
    close: () => session.close(),
    checkpoints: async () => checkpointsOf(await session.read('select * from projection_checkpoints')),
    poisoned: async (limit) =>
      poisonOf(await session.read('select * from projection_poison order by at limit $1', [limit])),
    skipped: async (limit) => {
      const found = skippedOf(
        await session.read(`select * from ${escapeIdentifier(live)}.projection_skipped limit $1`, [limit + 1]),
      );
      if (found.length > limit) throw new Error(`Expected at most ${limit} events that operators had passed over`);
      return found;
    },
  };
};

type RebuildDependencies = Readonly<{
  dataSource: DataSource;
  schemas: Schemas;
  /** @param pipeline default true: statements are sent before the one before them is answered */
  connect: (pipeline?: boolean) => Promise<pg.Client>;
  /** The right to write to the live tables; until it is closed no other instance has it. */
  takeLead: () => Promise<ProjectionLease>;
  clock: Clock;
  limits: RebuildStoreLimits;
}>;

/** The instance that has it builds: its connection holds the lock, until all writers are closed. */
export class PostgresRebuildSession implements RebuildSession {
  private readonly client: pg.Client;
  private readonly bulkWriters = new Set<PostgresBulkWriter>();
  private readonly writers = new Map<Area, Promise<AreaWriter>>();
  readonly lost: AbortSignal;

  constructor(
    private readonly held: HeldConnection,
    private readonly dependencies: RebuildDependencies,
  ) {
    this.client = held.client;
    this.lost = held.lost;
  }

  async prepare(projection: string, rebuildId: string, begin: BulkBegin | null): Promise<void> {
    const { client } = this;
    const { schemas } = this.dependencies;
    const area = escapeIdentifier(schemas.shadow);
    await this.inTransaction(async () => {
      await makeArea(client, schemas, schemas.shadow);
      const { rows } = await client.query<{ rebuild_id: string }>(
        `select rebuild_id from ${area}.rebuilds where projection = $1
         union all select rebuild_id from ${area}.bulk where projection = $1`,
        [projection],
      );
      if (rows[0]?.rebuild_id === rebuildId) return;
      await clearArea(client, schemas.shadow, projection);
      await makeArea(client, schemas, schemas.shadow);
      const [live, shadow] = [schemas.live, schemas.shadow].map((schema) => ({ schema, table: projection }));
      if (begin) {
        await createBare(client, live!, shadow!);
        const { pass, order, to, total } = begin;
        await client.query(
          `insert into ${area}.bulk (projection, rebuild_id, pass, in_order, to_position, total)
           values ($1, $2, $3, $4, $5, $6)`,
          [projection, rebuildId, pass, order, String(to), total],
        );
        return;
      }
      await createLike(client, live!, shadow!);
      await client.query(`insert into ${area}.rebuilds (projection, rebuild_id) values ($1, $2)`, [
        projection,
        rebuildId,
      ]);
    });
  }

  passes(): Promise<ReadonlyMap<string, BulkPass>> {
    return passesIn(this.client, this.dependencies.schemas.shadow);
  }

  async bulkWriter(): Promise<BulkWriter> {
    const { dataSource, schemas, connect, limits } = this.dependencies;
    const client = await connect(false);
    const held = new HeldConnection(client, limits.silenceMs / 4);
    await setTimes(client, { idleInTransaction: limits.silenceMs });
    const writer = new PostgresBulkWriter(held, dataSource, schemas);
    this.bulkWriters.add(writer);
    return writer;
  }

  async live(): Promise<LiveMark | null> {
    const { rows } = await this.client.query<
      Record<'position' | 'events', string> & Partial<Record<'event_position' | 'event_id', string>>
    >(
      `select position, events, event_position, event_id
       from ${escapeIdentifier(this.dependencies.schemas.live)}.projection_checkpoints
       order by position desc, event_position desc nulls last limit 1`,
    );
    const [row] = rows;
    if (!row) return null;
    const { position, events, event_position, event_id } = row;
    const lastEvent = event_position && event_id ? { position: BigInt(event_position), id: event_id } : null;
    return { position: BigInt(position), lastEvent, events: Number(events) };
  }

  writer(area: Area): Promise<AreaWriter> {
    const { dataSource, schemas, connect, limits } = this.dependencies;
    const opened =
      this.writers.get(area) ?? openWriter(connect, dataSource, schemas[area], schemas.live, limits.silenceMs);
    this.writers.set(area, opened);
    return opened;
  }

  async worked(projection: string, events: number, ms: number): Promise<void> {
    await this.client.query(
      `update ${escapeIdentifier(this.dependencies.schemas.shadow)}.rebuilds set events = events + $2, build_ms = build_ms + $3
       where projection = $1`,
      [projection, events, Math.round(ms)],
    );
  }

  async compare(
    projection: string,
    align: (position: bigint) => Promise<void>,
    samples: number,
  ): Promise<Compared | null> {
    const { schemas, dataSource, connect } = this.dependencies;
    const live = await connect();
    try {
      await live.query('begin transaction isolation level repeatable read read only');
      const position = await this.positionOf(live, projection);
      const { checkpoints } = await this.writer('shadow');
      const shadowAt = (await checkpoints()).get(projection)?.position;
      if (shadowAt !== undefined && (position ?? -1n) < shadowAt) return null;
      if (position !== null) await align(position);
      await this.client.query('begin transaction isolation level repeatable read read only');
      const shape = tableShape(dataSource, projection);
      const ours = { client: live, schema: schemas.live };
      const theirs = { client: this.client, schema: schemas.shadow };
      const rows = await sameRows(shape, ours, theirs);
      const counts =
        rows === null
          ? await compareTables(shape, ours, theirs, samples)
          : { ...NO_DIFFERENCE, live: rows, rebuilt: rows };
      return { position: position ?? 0n, ...counts };
    } finally {
      await this.client.query('rollback').catch(() => undefined);
      await live.end().catch(() => undefined);
    }
  }

  async swap(
    swaps: readonly Swap[],
    area: Area,
    align: (position: bigint) => Promise<void>,
    signal: AbortSignal,
  ): Promise<void> {
    const { schemas, takeLead, clock, limits } = this.dependencies;
    for (const { projection } of swaps)
      await this.client.query(`analyze ${escapeIdentifier(schemas[area])}.${escapeIdentifier(projection)}`);
    await endVacuums(this.client, schemas, swaps, area, { clock, limits, signal });
    const lead = await takeLead();
    try {
      let farthest: bigint | null = null;
      for (const { projection } of swaps) {
        const position = await this.positionOf(this.client, projection);
        if (position !== null && (farthest === null || position > farthest)) farthest = position;
      }
      if (farthest !== null) await align(farthest);
      const isLost = () => lead.lost.aborted;
      await swapTables(this.client, schemas, swaps, area, { clock, limits, isLost, signal });
    } finally {
      await lead.close();
    }
  }

  async discard(projection: string, area: Area): Promise<void> {
    await this.inTransaction(() => clearArea(this.client, this.dependencies.schemas[area], projection));
  }

  async close(): Promise<void> {
    for (const writer of this.bulkWriters) await writer.close();
    for (const opened of this.writers.values())
      await opened.then(
        (writer) => writer.close(),
        () => undefined,
      );
    await this.held.close();
  }

  /** A projection that has none yet goes by the place that the others have reached; null where nothing was projected. */
  private async positionOf(client: pg.Client, projection: string): Promise<bigint | null> {
    const { rows } = await client.query<{ position: string }>(
      `select position from ${escapeIdentifier(this.dependencies.schemas.live)}.projection_checkpoints
       order by projection = $1 desc, position desc limit 1`,
      [projection],
    );
    return rows[0] ? BigInt(rows[0].position) : null;
  }

  private async inTransaction(work: () => Promise<void>): Promise<void> {
    await this.client.query('begin');
    try {
      await work();
      await this.client.query('commit');
    } catch (error) {
      await this.client.query('rollback').catch(() => this.close());
      throw error;
    }
  }
}

export type RebuildStoreLimits = SwapLimits &
  Readonly<{
    connectTimeoutMs: number;
    /** For an index or the comparison of a large table. */
    statementTimeoutMs: number;
    /** For the leader of the projections to give way. */
    leadWaitMs: number;
  }>;

export const DEFAULT_REBUILD_STORE_LIMITS: RebuildStoreLimits = {
  connectTimeoutMs: 10_000,
  statementTimeoutMs: 600_000,
  lockTimeoutMs: 500,
  lockPauseMs: 250,
  lockTries: 40,
  vacuumWaitMs: 3_000,
  leadWaitMs: 10_000,
  silenceMs: 15_000,
};
