import type { DataSource } from 'typeorm';
import { workflowStream } from '../../../domain/workflow/index.js';
import { DamagedHistories, type DamagedHistory } from '../../../application/workflow/histories.js';
import type { DamagedHistoryRow } from '../entities/workflow.entities.js';

/** A stream may be named by something that is no UUID: the read tables have no such execution. */
const LAST = `
  select revision, position from (
    select revision, position from workflow_executions
    where id = case when $1 ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' then $1::uuid end
    union all
    (select revision, position from audit_leaves where stream = $2 order by revision desc limit 1)
  ) as known order by revision desc limit 1`;

export class PostgresDamagedHistories extends DamagedHistories {
  constructor(private readonly dataSource: DataSource) {
    super();
  }

  async lastOf(executionId: string) {
    const rows: Readonly<Record<'revision' | 'position', string>>[] = await this.dataSource.query(LAST, [
      executionId,
      workflowStream(executionId),
    ]);
    const [last] = rows;
    return last ? { revision: BigInt(last.revision), position: BigInt(last.position) } : null;
  }

  async note({ executionId, damage, what, foundAt }: DamagedHistory): Promise<boolean> {
    const noted: unknown[] = await this.dataSource.query(
      `insert into damaged_histories (execution_id, damage, what, found_at) values ($1, $2, $3, $4)
       on conflict (execution_id) do nothing returning execution_id`,
      [executionId, damage, what, foundAt],
    );
    return noted.length > 0;
  }

  async clear(executionId: string): Promise<boolean> {
    const cleared: unknown[] = await this.dataSource.query(
      'with gone as (delete from damaged_histories where execution_id = $1 returning execution_id) select * from gone',
      [executionId],
    );
    return cleared.length > 0;
  }

  async list(after: string | null, limit: number): Promise<readonly DamagedHistory[]> {
    const rows: DamagedHistoryRow[] = await this.dataSource.query(
      `select * from damaged_histories where $1::text is null or execution_id > $1 order by execution_id limit $2`,
      [after, limit],
    );
    return rows.map(({ execution_id, damage, what, found_at }) => ({
      ...{ executionId: execution_id, damage, what },
      foundAt: found_at,
    }));
  }

  async count(): Promise<number> {
    const rows: { count: number }[] = await this.dataSource.query(
      'select count(*)::integer as count from damaged_histories',
    );
    return rows[0]?.count ?? 0;
  }
}
