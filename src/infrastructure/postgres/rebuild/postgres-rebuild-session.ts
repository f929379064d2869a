import type pg from 'pg';
import { escapeIdentifier } from 'pg';
import type { DataSource } from 'typeorm';
import type { Clock } from '../../../application/runtime/clock.js';
import type { ProjectionLease } from '../../../application/projections/projection-store.js';
import type { Area, AreaWriter, Compared, RebuildSession, Swap } from '../../../application/rebuild/rebuild-store.js';
import { type SessionLock, SessionsAreShared } from '../session/session-lock.js';
import { tableShape } from '../projections/row-statements.js';
import { checkpointsOf, poisonOf, skippedOf } from '../projections/postgres-live-rows.js';
import { PostgresProjectionSession } from '../projections/postgres-projection-session.js';
import { clearArea, makeArea, type Schemas } from './areas.js';
import { compareTables } from './compare-tables.js';
import { createLike } from './copy-table.js';
import type { RebuildStoreLimits } from './rebuild-store-limits.js';
import { swapTables } from './swap-tables.js';

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
  const session = new PostgresProjectionSession(client, dataSource, silenceMs / 4);
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

export type RebuildMeans = Readonly<{
  dataSource: DataSource;
  schemas: Schemas;
  connect: () => Promise<pg.Client>;
  /** The right to write to the live tables; until it is closed nobody else has it. */
  takeLead: () => Promise<ProjectionLease>;
  clock: Clock;
  limits: RebuildStoreLimits;
}>;

/** Whoever has it is the one that builds: the connection holds the lock. */
export class PostgresRebuildSession implements RebuildSession {
  private readonly ending = new AbortController();
  private readonly writers = new Map<Area, Promise<AreaWriter>>();
  readonly lost: AbortSignal = this.ending.signal;

  constructor(
    private readonly client: pg.Client,
    lock: SessionLock,
    private readonly means: RebuildMeans,
  ) {
    client.on('error', () => this.ending.abort());
    client.on('end', () => this.ending.abort());
    const heart = setInterval(() => {
      lock.check().catch((error: unknown) => error instanceof SessionsAreShared && this.ending.abort());
    }, means.limits.silenceMs / 4);
    heart.unref();
    this.lost.addEventListener('abort', () => clearInterval(heart), { once: true });
  }

  async prepare(projection: string, rebuildId: string): Promise<void> {
    const { client } = this;
    const { schemas } = this.means;
    await this.inTransaction(async () => {
      await makeArea(client, schemas, schemas.shadow);
      const { rows } = await client.query<{ rebuild_id: string }>(
        `select rebuild_id from ${escapeIdentifier(schemas.shadow)}.rebuilds where projection = $1`,
        [projection],
      );
      if (rows[0]?.rebuild_id === rebuildId) return;
      await clearArea(client, schemas.shadow, projection);
      await makeArea(client, schemas, schemas.shadow);
      const [live, shadow] = [schemas.live, schemas.shadow].map((schema) => ({ schema, table: projection }));
      await createLike(client, live!, shadow!);
      await client.query(
        `insert into ${escapeIdentifier(schemas.shadow)}.rebuilds (projection, rebuild_id) values ($1, $2)`,
        [projection, rebuildId],
      );
    });
  }

  writer(area: Area): Promise<AreaWriter> {
    const { dataSource, schemas, connect, limits } = this.means;
    const opened =
      this.writers.get(area) ?? openWriter(connect, dataSource, schemas[area], schemas.live, limits.silenceMs);
    this.writers.set(area, opened);
    return opened;
  }

  async worked(projection: string, events: number, ms: number): Promise<void> {
    await this.client.query(
      `update ${escapeIdentifier(this.means.schemas.shadow)}.rebuilds set events = events + $2, build_ms = build_ms + $3
       where projection = $1`,
      [projection, events, Math.round(ms)],
    );
  }

  async compare(
    projection: string,
    align: (position: bigint) => Promise<void>,
    samples: number,
  ): Promise<Compared | null> {
    const { schemas, dataSource, connect } = this.means;
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
      const sides = [live, this.client].map((client, index) => ({
        client,
        schema: index === 0 ? schemas.live : schemas.shadow,
      }));
      const counts = await compareTables(shape, sides[0]!, sides[1]!, samples);
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
    const { schemas, takeLead, clock, limits } = this.means;
    for (const { projection } of swaps)
      await this.client.query(`analyze ${escapeIdentifier(schemas[area])}.${escapeIdentifier(projection)}`);
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
    await this.inTransaction(() => clearArea(this.client, this.means.schemas[area], projection));
  }

  async close(): Promise<void> {
    this.ending.abort();
    for (const opened of this.writers.values())
      await opened.then(
        (writer) => writer.close(),
        () => undefined,
      );
    await this.client.end().catch(() => undefined);
  }

  /** A projection that has none yet goes by the place that the others have reached; null where nothing was projected. */
  private async positionOf(client: pg.Client, projection: string): Promise<bigint | null> {
    const { rows } = await client.query<{ position: string }>(
      `select position from ${escapeIdentifier(this.means.schemas.live)}.projection_checkpoints
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
