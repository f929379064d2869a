import { randomUUID } from 'node:crypto';
import type { DataSource } from 'typeorm';

/** Writes a row and takes it away again in one transaction: nobody sees it, and nothing grows. @throws where that cannot be done */
export const probeDatabase = (dataSource: DataSource): Promise<void> =>
  dataSource.transaction(async (manager) => {
    const id = `health-probe:${randomUUID()}`;
    await manager.query('insert into workers (id, heartbeat_at) values ($1, clock_timestamp())', [id]);
    await manager.query('delete from workers where id = $1', [id]);
  });
