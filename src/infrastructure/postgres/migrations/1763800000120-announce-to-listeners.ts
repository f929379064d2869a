import type { MigrationInterface, QueryRunner } from 'typeorm';
import { LATE, LISTENERS } from '../live/announcement.js';
import { announcing } from './1763800000090-announce-changes.js';

/**
 * Who wants to be told of a table holds its lock, shared. A transaction that gets it alone announces nothing, and keeps it to its
 * end: whoever comes meanwhile has it only when what was not announced can be read.
 */
export class AnnounceToListeners1763800000120 implements MigrationInterface {
  readonly name = 'AnnounceToListeners1763800000120';

  async up(queryRunner: QueryRunner): Promise<void> {
    const unlessHeard = `
    if pg_try_advisory_xact_lock(${LISTENERS}, hashtext(tg_table_schema || '.' || tg_table_name)) then
      return null;
    end if;`;
    await queryRunner.query(
      announcing(unlessHeard, ` 'late', coalesce(current_setting('${LATE}', true) = 'on', false),`),
    );
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(announcing('', ''));
  }
}
