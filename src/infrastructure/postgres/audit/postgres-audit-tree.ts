import { PgClient } from '../session/pg-client.js';
import type { DataSource } from 'typeorm';
import { AuditTree, type AuditSession } from '../../../application/audit/audit-tree.js';
import type { Leaf } from '../../../application/audit/audited-log.js';
import { readCheckpoint, type SignedCheckpoint } from '../../../application/audit/checkpoint.js';
import type { NodePlace } from '../../../application/audit/merkle.js';
import type { AuditLeaf } from '../entities/audit-tree.entity.js';
import { tryLeadOn } from '../session/try-lead.js';
import { PostgresAuditSession } from './postgres-audit-session.js';

const LEADER_LOCK = '7205113081';

export type AuditTreeLimits = Readonly<{
  connectTimeoutMs: number;
  statementTimeoutMs: number;
  /** A leader that the database has not heard of for longer loses its connection: another may lead. */
  silenceMs: number;
}>;

const DEFAULT_LIMITS: AuditTreeLimits = { connectTimeoutMs: 10_000, statementTimeoutMs: 60_000, silenceMs: 8_000 };

/** The leader is who holds a session advisory lock, and writes on that very connection: no two write at once. */
export class PostgresAuditTree extends AuditTree {
  constructor(
    private readonly dataSource: DataSource,
    private readonly limits: AuditTreeLimits = DEFAULT_LIMITS,
  ) {
    super();
  }

  async tryLead(): Promise<AuditSession | null> {
    const { options } = this.dataSource;
    if (options.type !== 'postgres') throw new Error(`Expected a data source of type postgres, got ${options.type}`);
    const { connectTimeoutMs, statementTimeoutMs, silenceMs } = this.limits;
    const client = new PgClient({
      connectionString: options.url,
      application_name: 'workflow-executor-audit',
      connectionTimeoutMillis: connectTimeoutMs,
      query_timeout: statementTimeoutMs + 1_000,
      keepAlive: true,
    });
    const session = new PostgresAuditSession(client, silenceMs / 4);
    return tryLeadOn(client, session, LEADER_LOCK, this.limits);
  }

  async size(): Promise<number> {
    const rows: { size: string }[] = await this.dataSource.query(
      'select coalesce(max(index) + 1, 0) as size from audit_leaves',
    );
    return Number(rows[0]!.size);
  }

  async leaves(from: number, limit: number): Promise<readonly Leaf[]> {
    const rows: AuditLeaf[] = await this.dataSource.query(
      'select * from audit_leaves where index >= $1 order by index limit $2',
      [from, limit],
    );
    return rows.map(leaf);
  }

  async leavesOf(stream: string, limit: number): Promise<readonly Leaf[]> {
    const rows: AuditLeaf[] = await this.dataSource.query(
      'select * from audit_leaves where stream = $1 order by revision, index limit $2',
      [stream, limit],
    );
    return rows.map(leaf);
  }

  async nodes(places: readonly NodePlace[]): Promise<readonly Buffer[]> {
    const rows: { hash: Buffer | null }[] = await this.dataSource.query(
      `select node.hash from unnest($1::smallint[], $2::bigint[]) with ordinality as wanted(level, index, place)
       left join audit_nodes node on node.level = wanted.level and node.index = wanted.index order by place`,
      [places.map(({ level }) => level), places.map(({ index }) => index)],
    );
    return rows.map(({ hash }, place) => {
      if (hash) return hash;
      const { level, index } = places[place]!;
      throw new Error(
        `The audit tree lacks the subtree ${index} of level ${level}: stop the application, build it again`,
      );
    });
  }

  async latestCheckpoint(): Promise<SignedCheckpoint | null> {
    const rows: { checkpoint: unknown }[] = await this.dataSource.query(
      'select checkpoint from audit_checkpoints order by number desc limit 1',
    );
    return rows[0] ? readCheckpoint(rows[0].checkpoint) : null;
  }

  checkpointsFrom(number: number, limit: number): Promise<readonly SignedCheckpoint[]> {
    return this.checkpoints('number >= $1 order by number limit $2', [number, limit]);
  }

  keyChanges(): Promise<readonly SignedCheckpoint[]> {
    return this.checkpoints(`checkpoint -> 'key_change' is not null order by number`);
  }

  private async checkpoints(which: string, values: unknown[] = []): Promise<readonly SignedCheckpoint[]> {
    const rows: { checkpoint: unknown }[] = await this.dataSource.query(
      `select checkpoint from audit_checkpoints where ${which}`,
      values,
    );
    return rows.map(({ checkpoint }) => readCheckpoint(checkpoint));
  }
}

const leaf = (row: AuditLeaf): Leaf => ({
  index: Number(row.index),
  position: BigInt(row.position),
  recordedAt: row.recorded_at,
  stream: row.stream,
  revision: BigInt(row.revision),
  id: row.event_id,
  hash: row.event_hash.toString('hex'),
  dataHash: row.data_hash.toString('hex'),
});
