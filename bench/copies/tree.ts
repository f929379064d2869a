/** The audit tree over the copies, as src/application/audit makes it: a leaf for each event, a node for each complete subtree. */
import type pg from 'pg';
import { ofCopy, type Original } from './original.js';

/** How many leaves there are before the copies. @throws where the tree has not the whole log */
export const leavesBefore = async (client: pg.Client, { streams, events }: Original): Promise<number> => {
  const { rows } = await client.query<{ leaves: string }>('select count(*) as leaves from audit_leaves');
  const leaves = Number(rows[0]?.leaves);
  if (leaves !== streams * events)
    throw new Error(`Expected ${streams * events} leaves in the audit tree, there are ${leaves}`);
  return leaves;
};

/** The statements for a chunk, by table. The text is that of `leafText`. */
export const addLeaves = (leaves: number, { head }: Original) => {
  const index = `linked.position - ${head + 1 - leaves}`;
  const [stream, id] = [ofCopy('event.stream'), ofCopy('event.id')];
  const recordedAt = `to_timestamp(event.created / 1000.0)`;
  const text = `format('{"hash":"%s","id":"%s","position":"%s","recorded_at":"%s","revision":"%s","stream":"%s"}',
      linked.hash, ${id}, linked.position, event.recorded_at, linked.revision, ${stream})`;
  return [
    {
      table: 'audit_leaves',
      sql: `insert into audit_leaves (index, position, recorded_at, stream, revision, event_id, event_hash, data_hash)
        select ${index}, linked.position, ${recordedAt}, ${stream}, linked.revision, ${id}::uuid,
          decode(linked.hash, 'hex'), decode(linked.data_hash, 'hex')
        from linked join copying.events as event using (revision)`,
    },
    {
      table: 'audit_nodes',
      sql: `insert into audit_nodes (level, index, hash)
        select 0, ${index}, sha256('\\x00'::bytea || convert_to(${text}, 'UTF8'))
        from linked join copying.events as event using (revision)`,
    },
  ];
};

/** The subtrees above the new leaves, level by level: each of two neighbours of the level below. */
export const growTree = async (client: pg.Client, leaves: number, { copies, events }: Original): Promise<void> => {
  const size = leaves + copies * events;
  for (let level = 1; 2 ** level <= size; level++) {
    const [from, to] = [leaves, size].map((count) => 2 * Math.floor(count / 2 ** level));
    await client.query(
      `insert into audit_nodes (level, index, hash)
       select ${level}, index / 2, sha256('\\x01'::bytea || hash || neighbour)
       from (
         select index, hash, lead(hash) over (order by index) as neighbour from audit_nodes
         where level = ${level - 1} and index >= $1 and index < $2
       ) as below
       where index % 2 = 0`,
      [from, to],
    );
  }
};
