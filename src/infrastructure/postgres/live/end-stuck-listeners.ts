import type pg from 'pg';

/**
 * The server keeps what was told until every listener has taken it, in a queue that can fill up, and then refuses the
 * commits that would tell more. A listener that stands still is ended before that: when it goes on, it listens anew.
 */
export const endStuckListeners = async (client: pg.Client, name: string, share: number): Promise<void> => {
  const { rows } = await client.query<{ taken: number }>('select pg_notification_queue_usage() as taken');
  if ((rows[0]?.taken ?? 0) < share) return;
  await client.query(
    `select pg_terminate_backend(pid) from pg_stat_activity
     where application_name = $1 and datname = current_database() and pid <> pg_backend_pid()
       and wait_event = 'ClientWrite'`,
    [name],
  );
};
