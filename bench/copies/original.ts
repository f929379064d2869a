/** The execution that is copied, prepared once in the schema `copying`: texts in which only marks have to be replaced. */
import type pg from 'pg';
import { canonicalJson, type Json, type JsonObject } from '../../src/domain/json.js';

/** Stands for the first eight digits of each id. A copy has its number there, so that one replacement changes all ids. */
const NUMBER = '<number>';
/** Stand for what a copy's events hash to. Each is a whole string of JSON. */
export const [DATA_HASH, PREVIOUS, HASH] = ['<data-hash>', '<previous>', '<hash>'];

/** Of whatever names the execution, its steps, its events and its commands. */
export const ID = '[0-9a-f]{8}(-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})';
export const marked = (sql: string): string => `regexp_replace(${sql}, '${ID}', '${NUMBER}\\1', 'g')`;
/** Of a row of `linked`. */
export const ofCopy = (sql: string): string => `replace(${sql}, '${NUMBER}', linked.number)`;

export type Original = Readonly<{
  /** How many executions there are in the log. */
  streams: number;
  events: number;
  copies: number;
  /** Position of the last event before the copies. */
  head: number;
}>;

type Wanted = Readonly<{ executions: number }> | Readonly<{ events: number }>;
type Row = Readonly<Record<'stream' | 'revision' | 'id' | 'type' | 'created' | 'data' | 'metadata', string>>;
type Log = Readonly<{ streams: string; stream: string | null; head: string }>;

export const makeOriginal = async (client: pg.Client, wanted: Wanted): Promise<Original> => {
  const log = await client.query<Log>(
    `select count(distinct stream) filter (where stream like 'workflow-%') as streams,
       min(stream) filter (where stream like 'workflow-%') as stream, max(position) as head
     from eventstore.events`,
  );
  const { streams, stream, head } = log.rows[0]!;
  if (stream === null) throw new Error('Expected a whole execution in the log to copy, there is none');
  const { rows } = await client.query<Row>(
    `select ${marked('stream')} as stream, revision, ${marked('id::text')} as id, type, json, created,
       ${marked(`convert_from(data, 'UTF8')`)} as data, ${marked(`convert_from(metadata, 'UTF8')`)} as metadata
     from eventstore.events where stream = $1 order by revision`,
    [stream],
  );
  await client.query(`create schema copying; ${EVENTS}`);
  await client.query('insert into copying.events select * from json_populate_recordset(null::copying.events, $1)', [
    JSON.stringify(rows.map(prepared)),
  ]);
  const events = rows.length;
  const copies = 'executions' in wanted ? wanted.executions : Math.ceil(wanted.events / events);
  return { streams: Number(streams), events, copies, head: Number(head) };
};

export const removeOriginal = (client: pg.Client) => client.query('drop schema copying cascade');

/** `content` is what an event's hash is made of (src/application/log/event-hash.ts), `canonical` what its data's is. */
const EVENTS = `create table copying.events (
  revision bigint, stream text, id text, type text, json boolean, created bigint, recorded_at text,
  data text, metadata text, canonical text, content text)`;

const prepared = (row: Row) => {
  const { stream, revision, id, type } = row;
  const { hash: _hash, previousHash: _previous, ...rest } = JSON.parse(row.metadata) as JsonObject;
  const linked = { ...rest, previousHash: PREVIOUS };
  return {
    ...row,
    recorded_at: new Date(Number(row.created)).toISOString(),
    metadata: JSON.stringify({ ...linked, hash: HASH }),
    canonical: canonicalJson(JSON.parse(row.data) as Json),
    content: canonicalJson({ stream, revision, id, type, data: DATA_HASH, metadata: linked }),
  };
};
