import type pg from 'pg';

/** Counts, in the transaction that does it, that rows come to be behind the checkpoint, or that the table is exchanged. */
export const noteLate = async (
  client: Pick<pg.Client, 'query'>,
  projection: string,
  what: 'late' | 'exchanged',
): Promise<void> => {
  await client.query(
    `insert into projection_late as noted (projection, position, ${what})
     select projection, position, 1 from projection_checkpoints where projection = $1
     on conflict (projection) do update set
       position = greatest(noted.position, excluded.position), ${what} = noted.${what} + 1`,
    [projection],
  );
};
