import { MigrationExecutor, type DataSource } from 'typeorm';
import { setUpSupabase } from './supabase.js';

const MIGRATION_LOCK = '7205113002';

/**
 * Brings the tables up to this version, all or nothing. Instances that start at once take turns.
 * @returns what is left for somebody else to do, in sentences
 * @throws when another instance holds the lock for longer than `waitMs`
 */
export const migrate = async (dataSource: DataSource, waitMs = 60_000): Promise<readonly string[]> => {
  const queryRunner = dataSource.createQueryRunner();
  try {
    await queryRunner.query(
      `select set_config('lock_timeout', $1, false), set_config('statement_timeout', '0', false)`,
      [`${waitMs}ms`],
    );
    await queryRunner.query('select pg_advisory_lock($1)', [MIGRATION_LOCK]);
    let left: readonly string[];
    try {
      const executor = new MigrationExecutor(dataSource, queryRunner);
      executor.transaction = 'all';
      await executor.executePendingMigrations();
      left = await setUpSupabase(dataSource, queryRunner);
    } finally {
      await queryRunner.query('select pg_advisory_unlock($1)', [MIGRATION_LOCK]);
    }
    await queryRunner.query('reset lock_timeout');
    await queryRunner.query('reset statement_timeout');
    return left;
  } finally {
    await queryRunner.release();
  }
};
