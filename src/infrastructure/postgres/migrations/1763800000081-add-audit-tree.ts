import type { MigrationInterface, QueryRunner } from 'typeorm';

/** The Merkle tree over the log, and the checkpoints signed. Built from the log; whoever doubts it builds it again. */
export class AddAuditTree1763800000081 implements MigrationInterface {
  readonly name = 'AddAuditTree1763800000081';

  async up(queryRunner: QueryRunner): Promise<void> {
    for (const statement of statements) await queryRunner.query(statement);
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query('drop table audit_leaves, audit_nodes, audit_checkpoints');
  }
}

const statements = [
  `create table audit_leaves (
    index bigint primary key,
    position bigint not null,
    recorded_at timestamptz(3) not null,
    stream text not null,
    revision bigint not null,
    event_id uuid not null,
    event_hash bytea not null,
    data_hash bytea not null
  )`,
  `create index audit_leaves_by_stream on audit_leaves (stream, revision)`,
  `create table audit_nodes (
    level smallint not null,
    index bigint not null,
    hash bytea not null,
    primary key (level, index)
  )`,
  `create table audit_checkpoints (
    number bigint primary key,
    checkpoint json not null
  )`,
];
