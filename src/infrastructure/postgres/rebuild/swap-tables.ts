import type pg from 'pg';
import { escapeIdentifier } from 'pg';
import { sleep, type Clock } from '../../../application/runtime/clock.js';
import { failpoint } from '../../../application/runtime/failpoint.js';
import type { Area, Swap } from '../../../application/rebuild/rebuild-store.js';
import { CHANNEL, type Exchange, noteLate } from '../live/announcement.js';
import { BESIDE, clearArea, makeArea, type Schemas } from './areas.js';

/** Makes a table like another one, as the catalogue says it is: also what operators and other programs have put on it. */

type Place = Readonly<{ schema: string; table: string }>;

const named = ({ schema, table }: Place) => `${escapeIdentifier(schema)}.${escapeIdentifier(table)}`;

/** Columns, constraints and indexes, under the same names. Nothing that acts on writes. */
export const createLike = async (client: pg.Client, source: Place, target: Place): Promise<void> => {
  await createBare(client, source, target);
  await addIndexes(client, source, target);
};

/** Columns alone, for rows that come in bulk. */
export const createBare = async (client: pg.Client, source: Place, target: Place): Promise<void> => {
  const like = 'including defaults including constraints including generated including identity including storage';
  await client.query(`create table ${named(target)} (like ${named(source)} ${like} including comments)`);
};

export const addIndexes = async (client: pg.Client, source: Place, target: Place): Promise<void> => {
  const constraints = await client.query<{ name: string; definition: string }>(
    `select conname as name, pg_get_constraintdef(oid) as definition from pg_constraint
     where conrelid = $1::regclass and contype in ('p', 'u', 'x') order by contype`,
    [named(source)],
  );
  for (const { name, definition } of constraints.rows)
    await client.query(`alter table ${named(target)} add constraint ${escapeIdentifier(name)} ${definition}`);
  const indexes = await client.query<{ definition: string }>(
    `select pg_get_indexdef(indexrelid) as definition from pg_index
     where indrelid = $1::regclass and not exists (select from pg_constraint where conindid = indexrelid)`,
    [named(source)],
  );
  for (const { definition } of indexes.rows) await client.query(onto(definition, source, target));
};

/**
 * Privileges, row security with its policies, replica identity, membership in publications, and triggers: what a table
 * has to have before it takes the other's place. The target's owner is who makes it.
 */
const carryOver = async (client: pg.Client, source: Place, target: Place): Promise<void> => {
  const { rows } = await client.query<{ statement: string }>(CARRIED, [named(source), source.schema, source.table]);
  for (const { statement } of rows) await client.query(onto(statement, source, target));
};

/** The definitions that Postgres gives name the table in full, quoted where needed: as `format('%I.%I')` does. */
const onto = (statement: string, source: Place, target: Place): string => {
  for (const from of [`${bare(source.schema)}.${bare(source.table)}`, named(source)]) {
    const at = statement.indexOf(` ${from}`);
    if (at >= 0) return `${statement.slice(0, at)} ${named(target)}${statement.slice(at + 1 + from.length)}`;
  }
  throw new Error(`Expected the name of ${named(source)} in what the database says of it, got: ${statement}`);
};

const bare = (name: string) => (/^[a-z_][a-z0-9_]*$/.test(name) ? name : escapeIdentifier(name));

/** Each row is a statement for the source; `$1` is its name in full, `$2` and `$3` are schema and table. */
const CARRIED = `
  select statement from (
    select 1 as place, format('grant %s on %I.%I to %s%s', privilege_type, $2::text, $3::text,
             case when grantee = 0 then 'public' else quote_ident(pg_get_userbyid(grantee)) end,
             case when is_grantable then ' with grant option' else '' end) as statement
    from pg_class, aclexplode(relacl) where oid = $1::regclass and grantee <> relowner
    union all
    select 2, format('alter table %I.%I enable row level security', $2::text, $3::text)
    from pg_class where oid = $1::regclass and relrowsecurity
    union all
    select 2, format('alter table %I.%I force row level security', $2::text, $3::text)
    from pg_class where oid = $1::regclass and relforcerowsecurity
    union all
    select 3, format('create policy %I on %I.%I as %s for %s to %s%s%s', policyname, $2::text, $3::text, permissive, cmd,
             (select string_agg(case when role = 'public' then 'public' else quote_ident(role) end, ', ')
              from unnest(roles) as role),
             coalesce(' using (' || qual || ')', ''), coalesce(' with check (' || with_check || ')', ''))
    from pg_policies where schemaname = $2 and tablename = $3
    union all
    select 4, format('alter table %I.%I replica identity %s', $2::text, $3::text,
             case relreplident when 'f' then 'full' else 'nothing' end)
    from pg_class where oid = $1::regclass and relreplident in ('f', 'n')
    union all
    select 5, format('alter publication %I add table %I.%I', pubname, $2::text, $3::text)
    from pg_publication_rel join pg_publication on pg_publication.oid = prpubid where prrelid = $1::regclass
    union all
    select 6, pg_get_triggerdef(oid) from pg_trigger where tgrelid = $1::regclass and not tgisinternal
  ) as carried order by place`;

/** Everything that `carryOver` gives is taken off a table that is no longer live: its changes are not announced, and only the rebuild reads it. */
const silence = async (client: pg.Client, place: Place): Promise<void> => {
  const { rows } = await client.query<{ statement: string }>(
    `select format('drop trigger %I on %I.%I', tgname, $2::text, $3::text) as statement
     from pg_trigger where tgrelid = $1::regclass and not tgisinternal
     union all
     select format('alter publication %I drop table %I.%I', pubname, $2::text, $3::text)
     from pg_publication_rel join pg_publication on pg_publication.oid = prpubid where prrelid = $1::regclass
     union all
     select format('drop policy %I on %I.%I', policyname, $2::text, $3::text)
     from pg_policies where schemaname = $2 and tablename = $3
     union all
     select format('alter table %I.%I disable row level security, no force row level security, replica identity default',
                   $2::text, $3::text)
     union all
     select distinct format('revoke all on %I.%I from %s', $2::text, $3::text,
       case when grantee = 0 then 'public' else quote_ident(pg_get_userbyid(grantee)) end)
     from pg_class, aclexplode(relacl) where oid = $1::regclass and grantee <> relowner`,
    [named(place), place.schema, place.table],
  );
  for (const { statement } of rows) await client.query(statement);
};

export type SwapLimits = Readonly<{
  /** Readers never wait longer for a swap; it is tried again after the pause, so often. */
  lockTimeoutMs: number;
  lockPauseMs: number;
  lockTries: number;
  /** For a vacuum to give way, while nobody waits for the swap. Longer than the server's `deadlock_timeout`, or its own never do. */
  vacuumWaitMs: number;
  /** A builder that the database has not heard of for longer loses its right. */
  silenceMs: number;
}>;

type Dependencies = Readonly<{
  clock: Clock;
  limits: SwapLimits;
  /** Whether the right to write to the live tables is gone. */
  isLost: () => boolean;
  /** Ends the waiting for those who read. */
  signal: AbortSignal;
}>;

/** LOCK_NOT_AVAILABLE: a client reads for longer than others may wait; DEADLOCK_DETECTED. */
const BUSY: ReadonlySet<unknown> = new Set(['55P03', '40P01']);

/** One transaction; again where another session has a lock that it needs. A builder that stands still in it comes late: the database ends it. */
const whenFree = async (
  client: pg.Client,
  waitMs: number,
  { clock, limits, signal }: Omit<Dependencies, 'isLost'>,
  work: () => Promise<void>,
): Promise<void> => {
  for (let tried = 1; ; tried++) {
    await client.query('begin');
    try {
      await client.query(
        `select set_config('lock_timeout', $1, true), set_config('idle_in_transaction_session_timeout', $2, true)`,
        [`${waitMs}ms`, `${limits.silenceMs}ms`],
      );
      await work();
      await client.query('commit');
      return;
    } catch (error) {
      await client.query('rollback').catch(() => undefined);
      const isBusy = BUSY.has((error as { code?: unknown }).code);
      if (!isBusy || tried >= limits.lockTries) throw error;
    }
    await sleep(clock, limits.lockPauseMs, signal);
    signal.throwIfAborted();
  }
};

/** Keeps vacuums out, and no reader or writer: behind a swap that waits for a vacuum, all readers would wait too. */
const keepVacuumsOut = async (client: pg.Client, schemas: Schemas, swaps: readonly Swap[], area: Area) => {
  const names = swaps.flatMap(({ projection: table }) =>
    [schemas.live, schemas[area]].map((schema) => named({ schema, table })),
  );
  await client.query(`lock table ${names.join(', ')} in share update exclusive mode`);
};

/** Resolves when no vacuum is at these tables: the server's own give way to one who waits, and come again later. */
export const endVacuums = (
  client: pg.Client,
  schemas: Schemas,
  swaps: readonly Swap[],
  area: Area,
  dependencies: Omit<Dependencies, 'isLost'>,
): Promise<void> =>
  whenFree(client, dependencies.limits.vacuumWaitMs, dependencies, () => keepVacuumsOut(client, schemas, swaps, area));

/** All of them in one transaction, or none. Who reads waits for a moment, or not at all, and never fails. */
export const swapTables = async (
  client: pg.Client,
  schemas: Schemas,
  swaps: readonly Swap[],
  area: Area,
  { isLost, ...dependencies }: Dependencies,
): Promise<void> => {
  await whenFree(client, dependencies.limits.lockTimeoutMs, dependencies, async () => {
    await keepVacuumsOut(client, schemas, swaps, area);
    for (const swap of swaps) await swapOne(client, schemas, swap, area);
    if (isLost()) throw new Error('The right to write to the read tables was lost before they were swapped');
    failpoint('before-swap');
  });
  failpoint('after-swap');
};

const swapOne = async (client: pg.Client, schemas: Schemas, swap: Swap, area: Area): Promise<void> => {
  const { projection: table } = swap;
  const live = { schema: schemas.live, table };
  const incoming = { schema: schemas[area], table };
  await client.query(`lock table ${escapeIdentifier(live.schema)}.${escapeIdentifier(table)} in access exclusive mode`);
  await carryOver(client, live, incoming);
  if (area === 'shadow') await putAside(client, schemas, swap);
  else await client.query(`drop table ${escapeIdentifier(live.schema)}.${escapeIdentifier(table)}`);
  await client.query(
    `alter table ${escapeIdentifier(incoming.schema)}.${escapeIdentifier(table)} set schema ${escapeIdentifier(live.schema)}`,
  );
  for (const beside of BESIDE) {
    await client.query(`delete from ${escapeIdentifier(live.schema)}.${beside} where projection = $1`, [table]);
    await copyRows(client, incoming.schema, live.schema, beside, table);
  }
  if (area === 'shadow') {
    await client.query(
      `update ${escapeIdentifier(live.schema)}.projection_checkpoints set version = $2, rebuild_id = $3 where projection = $1`,
      [table, swap.version, swap.rebuildId],
    );
  }
  // What was found in the table that was live until now says nothing of this one.
  await client.query(`delete from ${escapeIdentifier(live.schema)}.projection_drift where projection = $1`, [table]);
  await noteLate(client, table, 'exchanged');
  const exchange: Exchange = { schema: live.schema, exchanged: table };
  await client.query('select pg_notify($1, $2)', [CHANNEL, JSON.stringify(exchange)]);
  await clearArea(client, incoming.schema, table);
};

/** What was live until now is kept, and no longer does anything. */
const putAside = async (client: pg.Client, schemas: Schemas, { projection: table, rebuildId }: Swap): Promise<void> => {
  const { live, previous } = schemas;
  await clearArea(client, previous, table);
  await makeArea(client, schemas, previous);
  await silence(client, { schema: live, table });
  await client.query(
    `alter table ${escapeIdentifier(live)}.${escapeIdentifier(table)} set schema ${escapeIdentifier(previous)}`,
  );
  await client.query(`insert into ${escapeIdentifier(previous)}.rebuilds (projection, rebuild_id) values ($1, $2)`, [
    table,
    rebuildId,
  ]);
  for (const beside of BESIDE) await copyRows(client, live, previous, beside, table);
};

const copyRows = async (client: pg.Client, from: string, to: string, beside: string, projection: string) => {
  await client.query(
    `insert into ${escapeIdentifier(to)}.${beside} select * from ${escapeIdentifier(from)}.${beside} where projection = $1`,
    [projection],
  );
};
