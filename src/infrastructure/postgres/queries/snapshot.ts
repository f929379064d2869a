import type { DataSource, EntityManager } from 'typeorm';

/** Everything that `work` reads is as of one moment. Two round trips beside its own; TypeORM's transactions take four. */
export const inSnapshot = async <T>(
  dataSource: DataSource,
  work: (manager: EntityManager) => Promise<T>,
): Promise<T> => {
  const runner = dataSource.createQueryRunner();
  try {
    await runner.query('start transaction isolation level repeatable read read only');
    const found = await work(runner.manager);
    await runner.query('commit');
    return found;
  } catch (error) {
    await runner.query('rollback').catch(() => undefined); // the caller gets the error that came first
    throw error;
  } finally {
    await runner.release();
  }
};
