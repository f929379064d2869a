/** The Merkle tree over the log: its leaves, its complete subtrees (the leaves' hashes among them), what was signed. */
import { Column, Entity, Index, PrimaryColumn } from 'typeorm';
import type { SignedTreeHead } from '../../../application/audit/signed-tree-head.js';
import { INSTANT } from './column-types.js';

@Entity('audit_leaves')
@Index('audit_leaves_by_stream', ['stream', 'revision'])
export class AuditLeaf {
  @PrimaryColumn('bigint')
  index!: string;

  /** Where the event stood when it was recorded. */
  @Column('bigint')
  position!: string;

  /** Where it stands since the log was moved; null where it was recorded in this log. */
  @Column('bigint', { nullable: true })
  moved_to!: string | null;

  @Column(INSTANT)
  recorded_at!: Date;

  @Column('text')
  stream!: string;

  @Column('bigint')
  revision!: string;

  @Column('uuid')
  event_id!: string;

  @Column('bytea')
  event_hash!: Buffer;

  @Column('bytea')
  data_hash!: Buffer;
}

@Entity('audit_nodes')
export class AuditNode {
  @PrimaryColumn('smallint')
  level!: number;

  @PrimaryColumn('bigint')
  index!: string;

  @Column('bytea')
  hash!: Buffer;
}

@Entity('audit_checkpoints')
export class AuditCheckpoint {
  @PrimaryColumn('bigint')
  number!: string;

  @Column('json')
  checkpoint!: SignedTreeHead;
}
