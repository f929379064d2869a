/** What writes the copies of one chunk into the log and the read tables. */
import type pg from 'pg';
import { DATA_HASH, HASH, ID, marked, ofCopy, PREVIOUS, type Original } from './original.js';

/** The events of the copies of a chunk: their places and their hashes. */
export const LINKED = `
  create temp table linked (number text, revision bigint, position bigint, data_hash text, previous text, hash text)
  on commit delete rows`;

const sha256 = (text: string): string => `encode(sha256(convert_to(${text}, 'UTF8')), 'hex')`;
const previous = (hash: string): string => `coalesce('"' || ${hash} || '"', 'null')`;

/**
 * Copies $1 to $2, one revision of all of them after the other, as each event names the one before it. Their numbers are
 * spread evenly over all that eight digits can be: the keys of the copies come in order, which is cheap, and the keys of
 * whatever is stored later fall between them, as they would fall among those of executions that were run.
 */
export const linkCopies = ({ copies, events, head }: Original): string => `
  insert into linked (number, revision, position, data_hash, previous, hash)
  with recursive chain(n, number, revision, data_hash, previous, hash) as (
    select n, lpad(to_hex(n * ${Math.floor(2 ** 32 / (copies + 1))}), 8, '0'), -1::bigint, null, null, null
    from generate_series($1::bigint, $2::bigint) as n
    union all
    select linked.n, linked.number, event.revision, made.data_hash, linked.hash,
      ${sha256(
        `replace(replace(${ofCopy('event.content')}, '${DATA_HASH}', made.data_hash),
          '"${PREVIOUS}"', ${previous('linked.hash')})`,
      )}
    from chain as linked
    join copying.events as event on event.revision = linked.revision + 1
    cross join lateral (select ${sha256(ofCopy('event.canonical'))} as data_hash offset 0) as made
  )
  select number, revision, ${head} + (n - 1) * ${events} + revision + 1, data_hash, previous, hash
  from chain where revision >= 0 order by n, revision`;

const metadata = `
  replace(replace(${ofCopy('event.metadata')}, '"${PREVIOUS}"', ${previous('linked.previous')}), '${HASH}', linked.hash)`;

export const COPY_LOG = `
  insert into eventstore.events (position, stream, revision, id, type, json, created, data, metadata)
  select linked.position, ${ofCopy('event.stream')}, revision, ${ofCopy('event.id')}::uuid, event.type, event.json,
    event.created, convert_to(${ofCopy('event.data')}, 'UTF8'), convert_to(${metadata}, 'UTF8')
  from linked join copying.events as event using (revision)`;

type Column = Readonly<{ name: string; type: string; names_ids: boolean }>;

/** What is known of the event that a row stands at. */
const OF_EVENT: Readonly<Record<string, string>> = {
  position: 'linked.position',
  hash: 'linked.hash',
  previous_hash: 'linked.previous',
};

/** A row of each read table stands at an event, which it has the revision of. @returns the statement for a chunk */
export const copyTable = async (client: pg.Client, table: string): Promise<string> => {
  const { rows } = await client.query<Omit<Column, 'names_ids'>>(
    `select attname as name, format_type(atttypid, atttypmod) as type from pg_attribute
     where attrelid = $1::regclass and attnum > 0 and not attisdropped`,
    [table],
  );
  const names = rows.map(({ name }) => name).join(', ');
  const found = await client.query<Record<string, boolean>>(
    `select ${rows.map(({ name }) => `bool_or(${name}::text ~ '${ID}') as ${name}`).join(', ')} from ${table}`,
  );
  // What names no id is copied as it is: most of the bytes.
  const namesIds = ({ name }: { name: string }) => !(name in OF_EVENT) && found.rows[0]?.[name] === true;
  const kept = rows.map((column) =>
    namesIds(column) ? `${marked(`${column.name}::text`)} as ${column.name}` : column.name,
  );
  await client.query(`create table copying.${table} as select ${kept.join(', ')} from ${table}`);
  const values = rows.map((column) =>
    namesIds(column)
      ? `${ofCopy(`original.${column.name}`)}::${column.type}`
      : (OF_EVENT[column.name] ?? `original.${column.name}`),
  );
  return `insert into ${table} (${names}) select ${values.join(', ')}
    from linked join copying.${table} as original on original.revision = linked.revision`;
};
