import type pg from 'pg';
import type { AuditSession, TreeState } from '../../../application/audit/audit-tree.js';
import type { Leaf } from '../../../application/audit/audited-log.js';
import type { SignedCheckpoint } from '../../../application/audit/checkpoint.js';
import { peaksOf, type TreeNode } from '../../../application/audit/merkle.js';
import { HeldConnection } from '../session/held-connection.js';
import type { SessionLock } from '../session/session-lock.js';

/** One statement after the other, each a transaction, on the connection whose lock is the right to write. */
export class PostgresAuditSession implements AuditSession {
  private readonly held: HeldConnection;
  readonly lost: AbortSignal;

  constructor(client: pg.Client, beatMs: number) {
    this.held = new HeldConnection(client, beatMs);
    this.lost = this.held.lost;
  }

  state(): Promise<TreeState> {
    return this.held.inTurn(stateOf);
  }

  async add(leaves: readonly Leaf[], nodes: readonly TreeNode[]): Promise<void> {
    await this.query(
      `with added as (
         insert into audit_leaves (index, position, recorded_at, stream, revision, event_id, event_hash, data_hash)
         select index, position, recorded_at, stream, revision, id, decode(hash, 'hex'), decode(data_hash, 'hex')
         from unnest($1::bigint[], $2::bigint[], $3::timestamptz[], $4::text[], $5::bigint[], $6::uuid[], $7::text[],
           $8::text[]) as leaf(index, position, recorded_at, stream, revision, id, hash, data_hash)
       )
       insert into audit_nodes (level, index, hash)
       select level, index, decode(hash, 'hex')
       from unnest($9::smallint[], $10::bigint[], $11::text[]) as node(level, index, hash)`,
      [
        leaves.map(({ index }) => index),
        leaves.map(({ position }) => String(position)),
        leaves.map(({ recordedAt }) => recordedAt.toISOString()),
        leaves.map(({ stream }) => stream),
        leaves.map(({ revision }) => String(revision)),
        leaves.map(({ id }) => id),
        leaves.map(({ hash }) => hash),
        leaves.map(({ dataHash }) => dataHash),
        nodes.map(({ level }) => level),
        nodes.map(({ index }) => index),
        nodes.map(({ hash }) => hash.toString('hex')),
      ],
    );
  }

  async keep(checkpoint: SignedCheckpoint): Promise<void> {
    await this.query(
      'insert into audit_checkpoints (number, checkpoint) values ($1, $2) on conflict (number) do nothing',
      [checkpoint.number, JSON.stringify(checkpoint)],
    );
  }

  async clear(): Promise<void> {
    await this.query('truncate audit_leaves, audit_nodes, audit_checkpoints');
  }

  guard(lock: SessionLock): void {
    this.held.guard(lock);
  }

  close(): Promise<void> {
    return this.held.close();
  }

  private async query(text: string, values: unknown[] = []): Promise<void> {
    await this.held.inTurn((client) => client.query(text, values));
  }
}

const stateOf = async (client: pg.Client): Promise<TreeState> => {
  const { rows } = await client.query<{ index: string; position: string }>(
    'select index, position from audit_leaves order by index desc limit 1',
  );
  const size = rows[0] ? Number(rows[0].index) + 1 : 0;
  const places = peaksOf(size);
  const found = await client.query<{ level: number; hash: Buffer }>(
    `select level, hash from audit_nodes
     where (level, index) in (select * from unnest($1::smallint[], $2::bigint[]))`,
    [places.map(({ level }) => level), places.map(({ index }) => index)],
  );
  const peaks: Buffer[] = [];
  for (const { level, hash } of found.rows) peaks[level] = hash;
  if (found.rows.length !== places.length)
    throw new Error(`The audit tree of ${size} events has holes: stop the application, build the tree again`);
  return { size, position: rows[0] ? BigInt(rows[0].position) : null, peaks };
};
