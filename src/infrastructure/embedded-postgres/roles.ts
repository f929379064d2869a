/** The application's own role and database in a cluster. The superuser, whom initdb makes, is for this alone. */
import type { PgClient } from '../postgres/session/pg-client.js';

export const DATABASE = 'workflow_executor';
export const SUPERUSER = 'postgres';
export const ROLE = 'workflow_executor';
/** In database "postgres": held by the process that does this. */
const BOOTSTRAP_LOCK = '7205113003';
/** How long a table may be in use that is to change its owner. */
const LOCK_TIMEOUT = '20s';

/**
 * Safe to be done again, and by several at once. What an earlier version made, whose application was the superuser, is handed over.
 * @param connect to the database of that name, as the superuser
 */
export async function prepareDatabase(
  superuser: PgClient,
  password: string,
  connect: (database: string) => Promise<PgClient>,
): Promise<void> {
  await superuser.query('select pg_advisory_lock($1)', [BOOTSTRAP_LOCK]);
  try {
    const role = await superuser.query('select from pg_roles where rolname = $1', [ROLE]);
    const may = `login nosuperuser nocreatedb nocreaterole noreplication nobypassrls password ${superuser.escapeLiteral(password)}`;
    await superuser.query(`${role.rowCount ? 'alter' : 'create'} role ${ROLE} with ${may}`);
    const { rows } = await superuser.query<{ owner: string }>(
      'select pg_get_userbyid(datdba) as owner from pg_database where datname = $1',
      [DATABASE],
    );
    if (!rows[0]) await superuser.query(`create database ${DATABASE} owner ${ROLE}`);
    else if (rows[0].owner !== ROLE) await handOver(superuser, connect);
  } finally {
    await superuser.query('select pg_advisory_unlock($1)', [BOOTSTRAP_LOCK]);
  }
}

/** The database last: where this ends in between, it is done again. */
async function handOver(superuser: PgClient, connect: (database: string) => Promise<PgClient>): Promise<void> {
  const inside = await connect(DATABASE);
  try {
    await inside.query(`set lock_timeout = '${LOCK_TIMEOUT}'`);
    await inside.query(HAND_OVER);
  } finally {
    await inside.end();
  }
  await superuser.query(`alter database ${DATABASE} owner to ${ROLE}`);
}

/** `reassign owned` refuses to take anything from the superuser of initdb, as much else belongs to it. */
const HAND_OVER = `
  do $$
  declare change text;
  begin
    for change in
      with ours as (
        select oid, nspname from pg_namespace where nspname !~ '^pg_' and nspname <> 'information_schema'
      )
      select format('schema %I', n.nspname) from pg_namespace n join ours using (oid)
        where n.nspowner = '${SUPERUSER}'::regrole
      union all
      select format('%s %s',
          case c.relkind when 'v' then 'view' when 'm' then 'materialized view' when 'S' then 'sequence' else 'table' end,
          c.oid::regclass)
        from pg_class c join ours on ours.oid = c.relnamespace
        where c.relowner = '${SUPERUSER}'::regrole and c.relkind in ('r', 'p', 'v', 'm', 'S')
          and not exists (select from pg_depend d
            where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype in ('a', 'i', 'e') and c.relkind = 'S')
      union all
      select format('routine %s', p.oid::regprocedure) from pg_proc p join ours on ours.oid = p.pronamespace
        where p.proowner = '${SUPERUSER}'::regrole
      union all
      select format('type %s', t.oid::regtype) from pg_type t join ours on ours.oid = t.typnamespace
        where t.typowner = '${SUPERUSER}'::regrole and t.typtype in ('e', 'd')
    loop
      execute format('alter %s owner to ${ROLE}', change);
    end loop;
  end $$`;
