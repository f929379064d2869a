import { randomUUID } from 'node:crypto';
import type pg from 'pg';
import { SessionsAreShared } from './sessions-are-shared.js';

type Client = Pick<pg.ClientBase, 'query'>;

/** A setting of the session that only its owner knows. Where a pooler gives one session to several clients, they see it. */
export const OWNER_SETTING = 'workflow_executor.session_owner';

const BEGIN = `
  select pg_backend_pid() as pid, coalesce(current_setting('${OWNER_SETTING}', true), '') as owner,
    set_config('${OWNER_SETTING}', $1, false)`;

/** The key of an advisory lock is shown in two halves. */
const IS_HELD = `
  select pg_backend_pid() = $1::integer and current_setting('${OWNER_SETTING}', true) = $2 and exists (
    select from pg_locks where locktype = 'advisory' and granted and objsubid = 1 and pid = $1::integer
      and database = (select oid from pg_database where datname = current_database())
      and classid = ($3::bigint >> 32)::oid and objid = ($3::bigint & 4294967295)::oid) as held`;

/** An advisory lock that lasts as long as the client's session: who has it may write. */
export class SessionLock {
  private constructor(
    private readonly client: Client,
    private readonly key: string,
    private readonly pid: number,
    private readonly owner: string,
  ) {}

  /**
   * @returns null where another session has it
   * @throws SessionsAreShared
   */
  static async tryTake(client: Client, key: string): Promise<SessionLock | null> {
    const owner = randomUUID();
    const begun = await client.query<{ pid: number; owner: string }>(BEGIN, [owner]);
    const session = begun.rows[0]!;
    if (session.owner !== '') throw new SessionsAreShared();
    const { rows } = await client.query<{ taken: boolean }>('select pg_try_advisory_lock($1) as taken', [key]);
    if (!rows[0]?.taken) return null;
    const lock = new SessionLock(client, key, session.pid, owner);
    await lock.check();
    return lock;
  }

  /** That the client is still in the session that has the lock. @throws SessionsAreShared */
  async check(): Promise<void> {
    const { rows } = await this.client.query<{ held: boolean | null }>(IS_HELD, [this.pid, this.owner, this.key]);
    if (!rows[0]?.held) throw new SessionsAreShared();
  }
}
