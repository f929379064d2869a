/** The floor of the storage: the same rows into the same table, one commit for all that wait, and nothing else. */
import { randomUUID } from 'node:crypto';
import pg from 'pg';

const TABLE = `
  create table events (
    position bigint primary key, stream text collate "C" not null, revision bigint not null, id uuid not null,
    type text not null, json boolean not null, created bigint not null, data bytea not null, metadata bytea not null,
    unique (stream, revision))`;
const INSERT = `
  insert into events (position, stream, revision, id, type, json, created, data, metadata)
  select position, stream, 0, id, 'StepCompleted', true, $4::bigint, substring($5::bytea from data_from for 1000), ''
  from unnest($1::bigint[], $2::text[], $3::uuid[], $6::int[]) as e (position, stream, id, data_from)`;
const ROW_BYTES = 1_000;

export class GroupCommit {
  private waiting: (() => void)[] = [];
  private position = 0;
  private running = false;

  private constructor(private readonly client: pg.Client) {}

  static async open(databaseUrl: string): Promise<GroupCommit> {
    const client = new pg.Client({ connectionString: databaseUrl });
    await client.connect();
    await client.query(TABLE);
    return new GroupCommit(client);
  }

  /** Resolves when a row of 1 KB is committed. */
  append(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.waiting.push(resolve);
      if (!this.running) this.run().catch(reject);
    });
  }

  async close(): Promise<void> {
    await this.client.end();
  }

  private async run(): Promise<void> {
    this.running = true;
    await Promise.resolve(); // those that come in the same turn go along
    while (this.waiting.length > 0) {
      const batch = this.waiting;
      this.waiting = [];
      const first = this.position + 1;
      this.position += batch.length;
      await this.client.query({
        name: 'insert',
        text: INSERT,
        values: [
          batch.map((_, index) => first + index),
          batch.map((_, index) => `bench-${first + index}-${randomUUID()}`),
          batch.map(() => randomUUID()),
          Date.now(),
          Buffer.alloc(batch.length * ROW_BYTES, 'x'),
          batch.map((_, index) => 1 + index * ROW_BYTES),
        ],
      });
      for (const answer of batch) answer();
    }
    this.running = false;
  }
}
