import pg from 'pg';

const UUID = /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g;

/**
 * Copies of the executions that are in the log, written beside the node, until there are about `events` of them. Each has
 * ids of its own; their hashes are those of the originals. @returns how many events were written
 */
export async function copyHistories(databaseUrl: string, events: number): Promise<number> {
  const client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
  try {
    const { rows } = await client.query<{ stream: string; count: string; text: string }>(
      `select stream, count(*), string_agg(convert_from(data, 'UTF8') || convert_from(metadata, 'UTF8'), '') as text
       from eventstore.events where stream like 'workflow-%' group by stream order by stream limit 1`,
    );
    const one = rows[0];
    if (!one) throw new Error('Expected a whole execution in the log to copy, there is none');
    const ids = [...new Set(`${one.stream} ${one.text}`.match(UUID))];
    const copies = Math.ceil(events / Number(one.count));
    const other = (text: string) =>
      ids.reduce(
        (sql, id) => `replace(${sql}, '${id}', overlay('${id}' placing lpad(to_hex(n), 8, '0') from 1))`,
        text,
      );
    const bytes = (column: string) => `convert_to(${other(`convert_from(${column}, 'UTF8')`)}, 'UTF8')`;
    const written = await client.query(
      `insert into eventstore.events (position, stream, revision, id, type, json, created, data, metadata)
       select (select max(position) from eventstore.events) + row_number() over (order by n, revision),
         ${other('stream')}, revision, gen_random_uuid(), type, json, created, ${bytes('data')}, ${bytes('metadata')}
       from generate_series(1, $1::int) as n, eventstore.events where stream = $2`,
      [copies, one.stream],
    );
    await client.query('vacuum analyze eventstore.events');
    return written.rowCount ?? 0;
  } finally {
    await client.end();
  }
}
