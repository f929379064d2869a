/** Reads of the stored events, in pages that are bounded in number and in bytes. */
import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import { PgClient, isConnectionLoss } from '../../postgres/session/pg-client.js';
import type { Limits } from '../limits.js';
import type { StoredEvent } from '../wire/records.js';
import { stateOf, type StateRow, type StreamState } from './stream-metadata.js';

/** The reads of the node, each prepared once on a connection. Pages are bounded in number and in bytes. */
const COLUMNS = 'position, stream, revision, id, type, json, created, data, metadata';

/** The rows of `from` in order, as many as fit: the first always does. */
const page = (from: string, order: string, limit: string, bytes: string) => `
  select ${COLUMNS} from (
    select *, sum(octet_length(data) + octet_length(metadata)) over (order by ${order})
              - octet_length(data) - octet_length(metadata) as bytes_before
    from (select * from eventstore.events where ${from} order by ${order} limit ${limit}) as found
  ) as measured where bytes_before < ${bytes} order by ${order}`;

const SQL = {
  streamForwards: page('stream = $1 and revision >= $2 and revision <= $3 and created >= $4', 'revision', '$5', '$6'),
  streamBackwards: page(
    'stream = $1 and revision <= $2 and revision >= $3 and created >= $4',
    'revision desc',
    '$5',
    '$6',
  ),
  allForwards: page('position > $1', 'position', '$2', '$3'),
  allBackwards: page('position < $1', 'position desc', '$2', '$3'),
  scanForwards: 'select position, stream, type from eventstore.events where position > $1 order by position limit $2',
  scanBackwards:
    'select position, stream, type from eventstore.events where position < $1 order by position desc limit $2',
  fetchForwards: page('position = any($1::bigint[])', 'position', '$2', '$3'),
  fetchBackwards: page('position = any($1::bigint[])', 'position desc', '$2', '$3'),
  has: 'select position from eventstore.events where position = $1',
  idsAt: 'select id, position from eventstore.events where stream = $1 and revision >= $2 order by revision limit $3',
  places: `
    select e.position, e.stream, e.revision, e.id, e.type, e.json, e.created, e.data, e.metadata
    from unnest($1::text[], $2::bigint[]) as wanted (stream, revision)
    join eventstore.events e on e.stream = wanted.stream and e.revision = wanted.revision`,
  states: `
    select wanted.stream, head.revision as last, meta.revision as last_metadata, meta.data as metadata,
           meta.json as metadata_json
    from unnest($1::text[]) as wanted (stream)
    left join lateral (select revision from eventstore.events e where e.stream = wanted.stream
                       order by revision desc limit 1) as head on true
    left join lateral (select revision, json, data from eventstore.events e where e.stream = '$$' || wanted.stream
                       order by revision desc limit 1) as meta on true`,
};

export type Direction = 'forwards' | 'backwards';

export type Scanned = Readonly<{ position: bigint; stream: string; type: string }>;

type Row = Omit<StoredEvent, 'position' | 'revision' | 'created'> &
  Readonly<{ position: string; revision: string; created: string }>;
export class Reader {
  private readonly pool: pg.Pool;

  constructor(
    databaseUrl: string,
    private readonly limits: Pick<
      Limits,
      'readConnections' | 'readRetryMs' | 'recoveryPauseMs' | 'pageEvents' | 'pageBytes'
    >,
  ) {
    this.pool = new pg.Pool({
      Client: PgClient,
      connectionString: databaseUrl,
      application_name: 'embedded-eventstore reader',
      max: limits.readConnections,
      keepAlive: true,
    });
    this.pool.on('error', () => undefined); // an idle connection died; the next read makes another
  }

  /** Revisions from `from` to `to` (both inclusive) in the given direction, recorded at `since` or later. */
  async stream(at: {
    stream: string;
    from: bigint;
    to: bigint;
    since: number;
    direction: Direction;
    limit: number;
  }): Promise<StoredEvent[]> {
    const name = at.direction === 'forwards' ? 'streamForwards' : 'streamBackwards';
    return this.events(name, [
      at.stream,
      text(at.from),
      text(at.to),
      at.since,
      this.capped(at.limit),
      this.limits.pageBytes,
    ]);
  }

  /** Events after (forwards) or before (backwards) `position`. */
  async all(position: bigint, direction: Direction, limit: number): Promise<StoredEvent[]> {
    const name = direction === 'forwards' ? 'allForwards' : 'allBackwards';
    return this.events(name, [text(position), this.capped(limit), this.limits.pageBytes]);
  }

  /** Whether an event has this position. */
  async has(position: bigint): Promise<boolean> {
    return (await this.query('has', [text(position)])).length > 0;
  }

  async scan(position: bigint, direction: Direction, limit: number): Promise<Scanned[]> {
    const name = direction === 'forwards' ? 'scanForwards' : 'scanBackwards';
    const rows = await this.query<{ position: string; stream: string; type: string }>(name, [text(position), limit]);
    return rows.map((row) => ({ ...row, position: BigInt(row.position) }));
  }

  async fetch(positions: readonly bigint[], direction: Direction): Promise<StoredEvent[]> {
    const name = direction === 'forwards' ? 'fetchForwards' : 'fetchBackwards';
    return this.events(name, [positions.map(text), this.limits.pageEvents, this.limits.pageBytes]);
  }

  async idsAt(stream: string, from: bigint, count: number): Promise<{ id: string; position: bigint }[]> {
    const rows = await this.query<{ id: string; position: string }>('idsAt', [stream, text(from), count]);
    return rows.map(({ id, position }) => ({ id, position: BigInt(position) }));
  }

  /** Those of the events that exist, in no order. */
  async places(wanted: readonly Readonly<{ stream: string; revision: bigint }>[]): Promise<StoredEvent[]> {
    return this.events('places', [wanted.map(({ stream }) => stream), wanted.map(({ revision }) => text(revision))]);
  }

  /** Of every stream that is asked for, whether it exists or not. */
  async states(streams: readonly string[]): Promise<Map<string, StreamState>> {
    const rows = await this.query<StateRow>('states', [streams]);
    return new Map(rows.map((row) => [row.stream, stateOf(row)]));
  }

  async state(stream: string): Promise<StreamState> {
    return (
      (await this.states([stream])).get(stream) ??
      stateOf({ stream, last: null, last_metadata: null, metadata: null, metadata_json: null })
    );
  }

  async close(): Promise<void> {
    await this.pool.end();
  }

  private async events(name: keyof typeof SQL, values: unknown[]): Promise<StoredEvent[]> {
    const rows = await this.query<Row>(name, values);
    return rows.map(({ position, stream, revision, id, type, json, created, data, metadata }) => ({
      position: BigInt(position),
      stream,
      revision: BigInt(revision),
      id,
      type,
      json,
      created: Number(created),
      data,
      metadata,
    }));
  }

  private async query<R extends object>(name: keyof typeof SQL, values: unknown[]): Promise<R[]> {
    const { readRetryMs, recoveryPauseMs } = this.limits;
    const ask = () => this.pool.query<R>({ name: `eventstore-${name}`, text: SQL[name], values });
    return (await whileAway(ask, readRetryMs, recoveryPauseMs)).rows;
  }

  private capped(limit: number): number {
    return Math.min(limit, this.limits.pageEvents);
  }
}

const text = (value: bigint) => value.toString();

/** Runs `action` again while the database is away, for at most `limitMs`. */
async function whileAway<T>(action: () => Promise<T>, limitMs: number, pauseMs: number): Promise<T> {
  const giveUpAt = Date.now() + limitMs;
  for (;;) {
    try {
      return await action();
    } catch (error) {
      if (!isConnectionLoss(error) || Date.now() >= giveUpAt) throw error;
      await delay(pauseMs);
    }
  }
}
