import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * Which log the tables were made of: its id, and beside each follower's position the last event that it has read. Rows of earlier
 * versions get theirs at the next commit. The audit tree has the events already.
 */
export class RememberTheLog1763800000190 implements MigrationInterface {
  readonly name = 'RememberTheLog1763800000190';

  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(identity);
    await changeEach(queryRunner, 'add column event_position bigint, add column event_id text');
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await changeEach(queryRunner, 'drop column event_position, drop column event_id');
    await queryRunner.query('drop table log_identity');
  }
}

const identity = `
  create table log_identity (
    id integer primary key,
    log_id uuid not null,
    bound_at timestamptz(3) not null
  )`;

/** Checkpoints also stand beside tables that a rebuild has put aside. */
const changeEach = async (queryRunner: QueryRunner, change: string): Promise<void> => {
  const places = (await queryRunner.query(
    `select to_regclass(format('%I.%I', current_schema() || area, name))::text as place
     from (values ('', 'projection_checkpoints'), ('_shadow', 'projection_checkpoints'),
       ('_previous', 'projection_checkpoints'), ('', 'webhook_cursor')) as each(area, name)
     where to_regclass(format('%I.%I', current_schema() || area, name)) is not null`,
  )) as { place: string }[];
  for (const { place } of places) await queryRunner.query(`alter table ${place} ${change}`);
};
