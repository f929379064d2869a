import type { DataSource } from 'typeorm';
import type pg from 'pg';
import { AuditTree, type AuditLease, type TreeState } from '../../../application/audit/audit-tree.js';
import type { Leaf } from '../../../application/audit/audited-log.js';
import { readTreeHead, type SignedTreeHead } from '../../../application/audit/signed-tree-head.js';
import { type NodePlace, peaksOf, type TreeNode } from '../../../application/audit/merkle.js';
import type { AuditLeaf } from '../entities/audit-tree.entities.js';
import { arrayText } from '../session/array-text.js';
import { DEFAULT_LEASE_LIMITS, tryLease, type HeldConnection, type LeaseLimits } from '../session/lease.js';

/** One statement after the other, each a transaction, on the connection whose lock is the right to write. */
class PostgresAuditSession implements AuditLease {
  readonly lost: AbortSignal;

  constructor(private readonly held: HeldConnection) {
    this.lost = held.lost;
  }

  state(): Promise<TreeState> {
    return this.held.inTurn(stateOf);
  }

  async add(leaves: readonly Leaf[], nodes: readonly TreeNode[]): Promise<void> {
    await this.query(
      `with added as (
         insert into audit_leaves
           (index, position, moved_to, recorded_at, stream, revision, event_id, event_hash, data_hash)
         select index, position, moved_to, recorded_at, stream, revision, id, decode(hash, 'hex'), decode(data_hash, 'hex')
         from unnest($1::bigint[], $2::bigint[], $3::timestamptz[], $4::text[], $5::bigint[], $6::uuid[], $7::text[],
           $8::text[], $12::bigint[]) as leaf(index, position, recorded_at, stream, revision, id, hash, data_hash, moved_to)
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
        leaves.map(({ movedTo }) => (movedTo === null ? null : String(movedTo))),
      ].map(arrayText),
    );
  }

  async keep(checkpoint: SignedTreeHead): Promise<void> {
    await this.query(
      'insert into audit_checkpoints (number, checkpoint) values ($1, $2) on conflict (number) do nothing',
      [checkpoint.number, JSON.stringify(checkpoint)],
    );
  }

  async clear(): Promise<void> {
    await this.query('truncate audit_leaves, audit_nodes, audit_checkpoints');
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
    'select index, coalesce(moved_to, position) as position from audit_leaves order by index desc limit 1',
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

const LEAF = `index, position, moved_to, recorded_at, stream, revision, event_id,
  encode(event_hash, 'hex') as event_hash, encode(data_hash, 'hex') as data_hash`;

type LeafRow = Omit<AuditLeaf, 'event_hash' | 'data_hash'> & Readonly<{ event_hash: string; data_hash: string }>;

const LEASE = { key: '7205113081', name: 'workflow-executor-audit' };

/** The leader writes on the connection that holds the advisory lock: no two instances write at once. */
export class PostgresAuditTree extends AuditTree {
  constructor(
    private readonly dataSource: DataSource,
    private readonly limits: LeaseLimits = DEFAULT_LEASE_LIMITS,
  ) {
    super();
  }

  async tryLead(): Promise<AuditLease | null> {
    const held = await tryLease(this.dataSource, LEASE, this.limits);
    return held && new PostgresAuditSession(held);
  }

  async size(): Promise<number> {
    const rows: { size: string }[] = await this.dataSource.query(
      'select coalesce(max(index) + 1, 0) as size from audit_leaves',
    );
    return Number(rows[0]!.size);
  }

  async leaves(from: number, limit: number): Promise<readonly Leaf[]> {
    const rows: LeafRow[] = await this.dataSource.query(
      `select ${LEAF} from audit_leaves where index >= $1 order by index limit $2`,
      [from, limit],
    );
    return rows.map(leaf);
  }

  async leavesOf(stream: string, limit: number): Promise<readonly Leaf[]> {
    const rows: LeafRow[] = await this.dataSource.query(
      `select ${LEAF} from audit_leaves where stream = $1 order by revision, index limit $2`,
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

  async latestTreeHead(): Promise<SignedTreeHead | null> {
    const rows: { checkpoint: unknown }[] = await this.dataSource.query(
      'select checkpoint from audit_checkpoints order by number desc limit 1',
    );
    return rows[0] ? readTreeHead(rows[0].checkpoint) : null;
  }

  treeHeadsFrom(number: number, limit: number): Promise<readonly SignedTreeHead[]> {
    return this.treeHeads('number >= $1 order by number limit $2', [number, limit]);
  }

  keyChanges(): Promise<readonly SignedTreeHead[]> {
    return this.treeHeads(`checkpoint -> 'key_change' is not null order by number`);
  }

  moves(): Promise<readonly SignedTreeHead[]> {
    return this.treeHeads(`checkpoint -> 'move' is not null order by number`);
  }

  private async treeHeads(which: string, values: unknown[] = []): Promise<readonly SignedTreeHead[]> {
    const rows: { checkpoint: unknown }[] = await this.dataSource.query(
      `select checkpoint from audit_checkpoints where ${which}`,
      values,
    );
    return rows.map(({ checkpoint }) => readTreeHead(checkpoint));
  }
}

const leaf = (row: LeafRow): Leaf => ({
  index: Number(row.index),
  position: BigInt(row.position),
  movedTo: row.moved_to === null ? null : BigInt(row.moved_to),
  recordedAt: row.recorded_at,
  stream: row.stream,
  revision: BigInt(row.revision),
  id: row.event_id,
  hash: row.event_hash,
  dataHash: row.data_hash,
});
