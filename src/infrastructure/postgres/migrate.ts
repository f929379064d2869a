import { MigrationExecutor, type DataSource, type QueryRunner } from 'typeorm';
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
    const [before] = (await queryRunner.query(
      `select current_setting('lock_timeout') as lock, current_setting('statement_timeout') as statement`,
    )) as { lock: string; statement: string }[];
    await setTimeouts(queryRunner, `${waitMs}ms`, '0');
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
    await setTimeouts(queryRunner, before!.lock, before!.statement);
    return left;
  } finally {
    await queryRunner.release();
  }
};

const setTimeouts = (queryRunner: QueryRunner, lock: string, statement: string): Promise<unknown> =>
  queryRunner.query(`select set_config('lock_timeout', $1, false), set_config('statement_timeout', $2, false)`, [
    lock,
    statement,
  ]);
