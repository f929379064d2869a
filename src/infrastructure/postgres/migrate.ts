import { MigrationExecutor, type DataSource } from 'typeorm';

const MIGRATION_LOCK = '7205113002';

/**
 * Brings the tables up to this version, all or nothing. Instances that start at once take turns.
 * @throws when another instance holds the lock for longer than `waitMs`
 */
export const migrate = async (dataSource: DataSource, waitMs = 60_000): Promise<void> => {
  const queryRunner = dataSource.createQueryRunner();
  try {
    await queryRunner.query(
      `select set_config('lock_timeout', $1, false), set_config('statement_timeout', '0', false)`,
      [`${waitMs}ms`],
    );
    await queryRunner.query('select pg_advisory_lock($1)', [MIGRATION_LOCK]);
    try {
      const executor = new MigrationExecutor(dataSource, queryRunner);
      executor.transaction = 'all';
      await executor.executePendingMigrations();
    } finally {
      await queryRunner.query('select pg_advisory_unlock($1)', [MIGRATION_LOCK]);
    }
    await queryRunner.query('reset lock_timeout');
    await queryRunner.query('reset statement_timeout');
  } finally {
    await queryRunner.release();
  }
};
