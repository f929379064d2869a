import type { MigrationInterface, QueryRunner } from 'typeorm';

/** When each API key was last used. No event says it: it is of use to operators, and proves nothing. */
export class NoteKeyUses1763800000203 implements MigrationInterface {
  readonly name = 'NoteKeyUses1763800000203';

  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(
      'create table access_key_uses (key_id text primary key, last_used_at timestamptz(3) not null)',
    );
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query('drop table access_key_uses');
  }
}
