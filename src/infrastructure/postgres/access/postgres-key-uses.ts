import type { DataSource } from 'typeorm';
import { KeyUseStore } from '../../../application/access/key-uses.js';

type Row = Readonly<{ key_id: string; last_used_at: Date }>;

export class PostgresKeyUses extends KeyUseStore {
  constructor(private readonly dataSource: DataSource) {
    super();
  }

  async write(uses: ReadonlyMap<string, Date>): Promise<void> {
    // In one order of rows everywhere: two instances that write at once then wait for each other, and never in a circle.
    const ids = [...uses.keys()].toSorted();
    const times = ids.map((id) => uses.get(id)!.toISOString());
    await this.dataSource.query(
      `insert into access_key_uses (key_id, last_used_at)
       select * from unnest($1::text[], $2::timestamptz[])
       on conflict (key_id) do update set last_used_at = greatest(access_key_uses.last_used_at, excluded.last_used_at)`,
      [ids, times],
    );
  }

  async all(): Promise<ReadonlyMap<string, Date>> {
    const rows: readonly Row[] = await this.dataSource.query('select key_id, last_used_at from access_key_uses');
    return new Map(rows.map(({ key_id, last_used_at }) => [key_id, last_used_at]));
  }
}
