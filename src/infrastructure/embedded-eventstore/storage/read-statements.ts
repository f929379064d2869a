/** The reads of the node, each prepared once on a connection. Pages are bounded in number and in bytes. */
const COLUMNS = 'position, stream, revision, id, type, json, created, data, metadata';

/** The rows of `from` in order, as many as fit: the first always does. */
const page = (from: string, order: string, limit: string, bytes: string) => `
  select ${COLUMNS} from (
    select *, sum(octet_length(data) + octet_length(metadata)) over (order by ${order})
              - octet_length(data) - octet_length(metadata) as bytes_before
    from (select * from eventstore.events where ${from} order by ${order} limit ${limit}) as found
  ) as measured where bytes_before < ${bytes} order by ${order}`;

export const SQL = {
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
  idsAt: 'select id, position from eventstore.events where stream = $1 and revision >= $2 order by revision limit $3',
  places: `
    select e.position, e.stream, e.revision, e.id, e.type, e.json, e.created, e.data, e.metadata
    from unnest($1::text[], $2::bigint[]) as wanted (stream, revision)
    join eventstore.events e on e.stream = wanted.stream and e.revision = wanted.revision`,
  states: `
    select wanted.stream, head.revision as last, meta.revision as last_metadata, meta.data as metadata
    from unnest($1::text[]) as wanted (stream)
    left join lateral (select revision from eventstore.events e where e.stream = wanted.stream
                       order by revision desc limit 1) as head on true
    left join lateral (select revision, data from eventstore.events e where e.stream = '$$' || wanted.stream
                       order by revision desc limit 1) as meta on true`,
};
