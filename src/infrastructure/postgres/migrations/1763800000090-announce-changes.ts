import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Each change of a row of a read table is told to whoever listens, with the transaction that makes it. */
export class AnnounceChanges1763800000090 implements MigrationInterface {
  readonly name = 'AnnounceChanges1763800000090';

  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(announcing('', ''));
    for (const [table, key] of Object.entries(KEYS))
      for (const operation of OPERATIONS) await queryRunner.query(trigger(table, key, operation));
    // Live streams go through the events in the order of the log.
    await queryRunner.query('create index workflow_events_by_position on workflow_events (position)');
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query('drop index workflow_events_by_position');
    await queryRunner.query('drop function announce_changes() cascade');
  }
}

const KEYS = { workflow_executions: ['id'], workflow_steps: ['id'], workflow_events: ['execution_id', 'revision'] };
const OPERATIONS = ['insert', 'update', 'delete'] as const;

/**
 * One call for a statement, however many rows it changes. A payload of `NOTIFY` is shorter than 8000 bytes: of a row that is
 * larger only the key is told. `row_to_json`, as `jsonb` cannot hold every character that `json` can. `first`: what is done before;
 * `member`: what is told beside.
 */
export const announcing = (first: string, member: string): string => `
  create or replace function announce_changes() returns trigger language plpgsql set timezone to 'UTC' as $$
  begin${first}
    perform pg_notify('workflow_executor_changes',
      case when tg_op <> 'DELETE' and octet_length(whole) < 7900 then whole
        else (select json_build_object('schema', tg_table_schema, 'table', tg_table_name, 'type', tg_op,
                'at', clock_timestamp(),${member} 'key', json_object_agg(name, record -> name))::text from unnest(tg_argv) as name)
      end)
    from (
      select record, json_build_object('schema', tg_table_schema, 'table', tg_table_name, 'type', tg_op,
               'at', clock_timestamp(),${member} 'record', record)::text as whole
      from (select row_to_json(changed) as record from changed) as rows
    ) as said;
    return null;
  end $$`;

const trigger = (table: string, key: readonly string[], operation: (typeof OPERATIONS)[number]): string => `
  create trigger announce_${operation} after ${operation} on ${table}
  referencing ${operation === 'delete' ? 'old' : 'new'} table as changed
  for each statement execute function announce_changes(${key.map((column) => `'${column}'`).join(', ')})`;
