/** Finished executions in the log and in the read tables, without running them. */
import pg from 'pg';
import { copyHistories } from '../rebuild/histories.js';

const TABLES = ['workflow_executions', 'workflow_steps', 'workflow_events'] as const;

/**
 * Copies the one execution that there is, its events and its rows, while nobody else uses the database.
 * @returns how many events there are then
 */
export const copyExecutions = async (databaseUrl: string, executions: number): Promise<number> => {
  const client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
  try {
    const { rows } = await client.query<{ stream: string; events: string }>(
      `select stream, count(*) as events from eventstore.events where stream like 'workflow-%' group by stream`,
    );
    const [one] = rows;
    if (!one || rows.length > 1) throw new Error(`Expected one execution in the log to copy, there are ${rows.length}`);
    const events = executions * Number(one.events);
    await copyHistories(databaseUrl, events);
    // Without it each copied row would read the whole log for its event.
    await client.query('analyze eventstore.events');
    const ids = await idsOf(client, one.stream);
    for (const table of TABLES) {
      const copied = ids.reduce(
        (sql, id) => `replace(${sql}, '${id}', overlay('${id}' placing lpad(to_hex(n), 8, '0') from 1))`,
        'to_jsonb(original)::text',
      );
      await client.query(
        `insert into ${table} select (jsonb_populate_record(null::${table}, (${copied})::jsonb ${CHANGED[table]})).*
         from generate_series(1, $1::int) as n, (select * from ${table}) as original`,
        [executions],
      );
    }
    await client.query('update projection_checkpoints set position = (select max(position) from eventstore.events)');
    await client.query('vacuum analyze');
    return events + Number(one.events);
  } finally {
    await client.end();
  }
};

/** What is not the same in a copy beside its ids: what the log says of the event that a row is of. */
const ofEvent = (execution: string, columns: string) => `|| (
  select jsonb_build_object(${columns}) from eventstore.events as event
  where event.stream = 'workflow-' || overlay(original.${execution}::text placing lpad(to_hex(n), 8, '0') from 1)
    and event.revision = original.revision)`;
const CHANGED = {
  workflow_executions: ofEvent('id', `'position', event.position`),
  workflow_steps: '',
  workflow_events: ofEvent('execution_id', `'position', event.position, 'id', event.id`),
} as const;

const UUID = /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g;

/** Those that name the execution, its steps and its events. */
const idsOf = async (client: pg.Client, stream: string): Promise<readonly string[]> => {
  const execution = stream.slice('workflow-'.length);
  const { rows } = await client.query<{ text: string }>(
    `select string_agg(data::text || coalesce(command_id, '') || coalesce(correlation_id, '') || coalesce(causation_id, '')
       || id::text || execution_id::text, '') as text from workflow_events where execution_id = $1`,
    [execution],
  );
  return [...new Set(rows[0]?.text.match(UUID))];
};
