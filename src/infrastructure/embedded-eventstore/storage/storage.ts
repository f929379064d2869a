/** The writer's session: one connection that holds the lock and does every insert. */
import type pg from 'pg';
import { PgClient, setTimes } from '../../postgres/session/pg-client.js';
import { SessionLock } from '../../postgres/session/session-lock.js';
import { newSecret } from '../wire/credentials.js';
import type { StoredEvent } from '../wire/records.js';

/** The node's own tables. Made by the node; nothing else writes to them. */
const SCHEMA = `
  create schema if not exists eventstore;
  create table if not exists eventstore.events (
    position bigint primary key,
    stream text collate "C" not null,
    revision bigint not null,
    id uuid not null,
    type text not null,
    json boolean not null,
    created bigint not null, -- milliseconds since 1970, UTC
    data bytea not null,
    metadata bytea not null,
    unique (stream, revision)
  );
  create table if not exists eventstore.node (
    only_one boolean primary key default true check (only_one),
    url text not null,
    started_at timestamptz not null
  );
  -- What callers of the node have to know. A program that can read it here can write the events without the node.
  create table if not exists eventstore.secret (
    only_one boolean primary key default true check (only_one),
    secret text not null
  );
  -- Who the holder of the lock is: which node, in which session.
  alter table eventstore.node add column if not exists id uuid;
  alter table eventstore.node add column if not exists pid integer;
`;

/** Advisory lock, held by the one node that writes to this database as long as its connection lives. */
export const WRITER_LOCK = 720511302;

const CONNECT_TIMEOUT_MS = 5_000;

/** The database is used by another node. Not to be retried. */
export class AnotherNodeRuns extends Error {}

const INSERT = {
  name: 'insert-events',
  // Bytes travel as one binary value and are cut here: as an array they would be sent as text, twice as long.
  text: `
    insert into eventstore.events (position, stream, revision, id, type, json, created, data, metadata)
    select position, stream, revision, id, type, json, created,
           substring($8::bytea from data_from for data_length),
           substring($8::bytea from data_from + data_length for metadata_length)
    from unnest($1::bigint[], $2::text[], $3::bigint[], $4::uuid[], $5::text[], $6::boolean[], $7::bigint[],
                $9::int[], $10::int[], $11::int[])
      as e (position, stream, revision, id, type, json, created, data_from, data_length, metadata_length)`,
};

export class WriterSession {
  private constructor(
    private readonly client: pg.Client,
    private readonly lock: SessionLock,
  ) {}

  /**
   * The database ends the session, and with it the lock and any insert under way, when it hears nothing for `silenceMs`:
   * a process that stands still must not keep others from writing.
   * @param node the id under which the node was advertised; undefined for one that is starting
   * @throws AnotherNodeRuns when another node holds the lock, or held it after `node` did: the log has gone on without it
   * @throws SessionsAreShared
   * @throws Error when the database cannot be reached
   */
  static async open(
    databaseUrl: string,
    { silenceMs }: Readonly<{ silenceMs: number }>,
    node: string | undefined,
    onLost: (lost: WriterSession) => void,
  ): Promise<WriterSession> {
    const client = new PgClient({
      connectionString: databaseUrl,
      application_name: 'embedded-eventstore writer',
      connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
      keepAlive: true,
    });
    client.on('error', () => undefined); // its 'end' follows
    try {
      await client.connect();
      await client.query(
        `select set_config('synchronous_commit', 'on', false) where current_setting('synchronous_commit') = 'off'`,
      );
      await setTimes(client, { idle: silenceMs });
      const lock = await SessionLock.tryTake(client, String(WRITER_LOCK));
      if (!lock) throw new AnotherNodeRuns(await refusal(client));
      await client.query(SCHEMA);
      const session = new WriterSession(client, lock);
      if (node && !(await session.reintroduce(node)))
        throw new AnotherNodeRuns('Another node has written to this database');
      client.on('end', () => onLost(session));
      return session;
    } catch (error) {
      await client.end().catch(() => undefined);
      throw error;
    }
  }

  async advertise(url: string, node: string): Promise<void> {
    await this.client.query(
      `insert into eventstore.node (url, started_at, id, pid) values ($1, now(), $2, pg_backend_pid())
       on conflict (only_one) do update set url = excluded.url, started_at = excluded.started_at,
         id = excluded.id, pid = excluded.pid`,
      [url, node],
    );
  }

  /** The secret of this installation, made when there is none. */
  async secret(): Promise<string> {
    await this.client.query('insert into eventstore.secret (secret) values ($1) on conflict do nothing', [newSecret()]);
    const { rows } = await this.client.query<{ secret: string }>('select secret from eventstore.secret');
    return rows[0]!.secret;
  }

  /** False where another node was advertised in the meantime. */
  async reintroduce(node: string): Promise<boolean> {
    const { rowCount } = await this.client.query('update eventstore.node set pid = pg_backend_pid() where id = $1', [
      node,
    ]);
    return rowCount === 1;
  }

  /** A sign of life: the database has heard of this session. @throws SessionsAreShared when it has the lock no more */
  beat(): Promise<void> {
    return this.lock.check();
  }

  async withdraw(): Promise<void> {
    await this.client.query('delete from eventstore.node');
  }

  async lastPosition(): Promise<bigint> {
    const { rows } = await this.client.query<{ last: string }>(
      'select coalesce(max(position), 0) as last from eventstore.events',
    );
    return BigInt(rows[0]?.last ?? 0);
  }

  /** Whether an insert whose answer was lost has happened. Its events come together or not at all, so one tells. */
  async holds(event: StoredEvent): Promise<boolean> {
    const { rowCount } = await this.client.query('select from eventstore.events where position = $1 and id = $2', [
      event.position.toString(),
      event.id,
    ]);
    return rowCount === 1;
  }

  /** One statement, one commit. */
  async insert(events: readonly StoredEvent[]): Promise<void> {
    let offset = 1;
    const froms = events.map((event) => {
      const from = offset;
      offset += event.data.length + event.metadata.length;
      return from;
    });
    await this.client.query({
      ...INSERT,
      values: [
        events.map(({ position }) => position),
        events.map(({ stream }) => stream),
        events.map(({ revision }) => revision),
        events.map(({ id }) => id),
        events.map(({ type }) => type),
        events.map(({ json }) => json),
        events.map(({ created }) => created),
        Buffer.concat(events.flatMap(({ data, metadata }) => [data, metadata])),
        froms,
        events.map(({ data }) => data.length),
        events.map(({ metadata }) => metadata.length),
      ],
    });
  }

  /** All that an insert takes, up to the commit, of an event that is gone afterwards. */
  async probe(event: StoredEvent): Promise<void> {
    await this.client.query('begin');
    try {
      await this.insert([event]);
      await this.client.query('delete from eventstore.events where position = $1', [event.position.toString()]);
      await this.client.query('commit');
    } catch (error) {
      await this.client.query('rollback').catch(() => this.client.end());
      throw error;
    }
  }

  async close(): Promise<void> {
    this.client.removeAllListeners('end');
    await this.client.end().catch(() => undefined);
  }
}

async function refusal(client: pg.Client): Promise<string> {
  const { rows } = await client.query<{ url: string }>('select url from eventstore.node').catch(() => ({ rows: [] }));
  const where = rows[0]
    ? `at ${rows[0].url}; an application on this database finds it without EVENTSTORE_URL`
    : 'that is still starting; try again';
  return `Another embedded event node already writes to this database, ${where}`;
}
