import { randomUUID } from 'node:crypto';
import pg from 'pg';

type Filling = Readonly<{ databaseUrl: string; events: number; eventsPerStream: number }>;

/** Streams of events of 1 KB, written beside the node: a node that is started afterwards finds them as its own. */
export async function fill({ databaseUrl, events, eventsPerStream }: Filling): Promise<void> {
  const client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
  await client.query(
    `insert into eventstore.events (position, stream, revision, id, type, json, created, data, metadata)
     select n, 'bench-' || $1::text || '-' || (n - 1) / $3::int, (n - 1) % $3::int, gen_random_uuid(), 'StepCompleted', true,
            extract(epoch from now()) * 1000, convert_to('{"index":' || n || ',"output":"' || repeat('x', 960) || '"}', 'UTF8'), ''
     from generate_series(1, $2::int) as n`,
    [randomUUID(), events, eventsPerStream],
  );
  await client.query('vacuum analyze eventstore.events');
  await client.end();
}
