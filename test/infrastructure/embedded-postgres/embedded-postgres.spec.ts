import { once } from 'node:events';
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startEmbeddedPostgres } from '../../../src/infrastructure/embedded-postgres/embedded-postgres.js';
import { PgClient } from '../../../src/infrastructure/postgres/session/pg-client.js';
import { startChild } from '../../support/child.js';
import { eventually } from '../../support/eventually.js';

const settings = { fsync: 'off' };
const holder = new URL('../postgres/holds-postgres.ts', import.meta.url);
const start = (dataDir: string) => startEmbeddedPostgres({ dataDir, settings });
const byTcp = (dataDir: string) => startEmbeddedPostgres({ dataDir, settings, tcp: true });

describe('embedded Postgres', () => {
  let root: string;
  let dataDir: string; // one cluster for most tests: creating one takes longer than all the rest
  beforeAll(async () => {
    root = await mkdtemp(join(tmpdir(), 'workflow-executor-pg-'));
    dataDir = join(root, 'postgres');
  });
  afterAll(async () => {
    await (await start(dataDir)).stop(); // whatever a failed test has left
    await rm(root, { recursive: true, force: true });
  });

  test('serves a UTF-8, UTC database to a role that may no more than that, by a socket; keeps data and password over a restart', async () => {
    const first = await start(dataDir);
    expect(await query(first.url, 'create table kept (word text)')).toEqual([]);
    await query(first.url, `insert into kept values ('größer')`);
    const [facts] = await query(
      first.url,
      `select current_database() as name, current_setting('server_encoding') as encoding, current_setting('TimeZone') as zone,
              current_setting('listen_addresses') as listens, 'a' < 'B' as "localeOrder", current_user as role,
              (select rolsuper or rolcreaterole or rolcreatedb or rolreplication or rolbypassrls from pg_roles
               where rolname = current_user) as "mayMore"`,
    );
    expect(facts).toEqual({
      name: 'workflow_executor',
      encoding: 'UTF8',
      zone: 'UTC',
      listens: '',
      localeOrder: false,
      role: 'workflow_executor',
      mayMore: false,
    });
    await first.stop();
    await expect(query(first.url, 'select 1')).rejects.toThrow();

    const second = await start(dataDir);
    expect(await query(second.url, 'select word from kept')).toEqual([{ word: 'größer' }]);
    expect(new URL(second.url).password).toBe(new URL(first.url).password);
    for (const file of ['password', 'role-password'])
      expect((await stat(join(dataDir, file))).mode & 0o777).toBe(0o600);
    expect((await stat(join(dataDir, 'run'))).mode & 0o777).toBe(0o700);
    expect(new URL(second.url).searchParams.get('host')).toBe(join(dataDir, 'run'));
    expect(second.url).not.toContain(new URL(second.superuserUrl).password);
    const rules = await query(second.superuserUrl, 'select distinct auth_method from pg_hba_file_rules');
    expect(rules).toEqual([{ auth_method: 'scram-sha-256' }]);
    await second.stop();
  });

  test('fsync is on unless the settings say otherwise', async () => {
    const durable = await startEmbeddedPostgres({ dataDir });
    expect(await query(durable.url, 'show fsync')).toEqual([{ fsync: 'on' }]);
    await durable.stop();
  });

  test('a killed application leaves the server to the next one; its stop takes the server down', async () => {
    const child = startChild(holder, [dataDir]);
    await child.printed(/url=/);
    await child.kill('SIGKILL');
    const pid = await serverPid(dataDir);
    const next = await start(dataDir);
    expect(await serverPid(dataDir)).toBe(pid);
    await next.stop();
    await expect(query(next.url, 'select 1')).rejects.toThrow();
  });

  test('two processes share one server, and the last one to stop takes it down', async () => {
    const child = startChild(holder, [dataDir]);
    await child.printed(/url=/);
    const here = await start(dataDir);
    await child.kill('SIGTERM');
    expect(child.output()).toContain('stopped');
    expect(await query(here.url, 'select 1 as up')).toEqual([{ up: 1 }]);
    await here.stop();
    await expect(query(here.url, 'select 1')).rejects.toThrow();
  });

  test('Ctrl-C reaches the application, not its Postgres', async () => {
    const child = startChild(holder, [dataDir]);
    const [, url = ''] = await child.printed(/url=(\S+)/);
    process.kill(-(child.process.pid ?? 0), 'SIGINT'); // what a terminal does: the whole process group
    await child.printed(/interrupted/);
    expect(await query(url, 'select 1 as up')).toEqual([{ up: 1 }]);
    await child.kill('SIGTERM');
    expect(child.output()).toContain('stopped');
  });

  test('a server that is killed comes back at the same place', async () => {
    const postgres = await start(dataDir);
    const pid = await serverPid(dataDir);
    process.kill(pid, 'SIGKILL');
    await eventually(async () => (await serverPid(dataDir)) !== pid);
    await eventually(async () => expect(await query(postgres.url, 'select 1 as up')).toEqual([{ up: 1 }]));
    await postgres.stop();
  });

  test('by TCP, where there are no sockets: the server keeps its port whichever instance starts it; it moves only where another program has the port', async () => {
    const first = await byTcp(dataDir);
    expect(new URL(first.url).searchParams.has('host')).toBe(false);
    await first.stop();
    const second = await byTcp(dataDir);
    expect(second.url).toBe(first.url);
    await second.stop();
    const impostor = await startImpostor(Number(new URL(first.url).port));
    try {
      const third = await byTcp(dataDir);
      expect(new URL(third.url).port).not.toBe(String(impostor.port));
      expect(await query(third.url, 'select 1 as up')).toEqual([{ up: 1 }]);
      await third.stop();
    } finally {
      await impostor.close();
    }
  });

  test.each([
    ['by a socket', start],
    ['by TCP', (dir: string) => byTcp(dir)],
  ])('who takes the port that a killed server had is given no password: %s', async (_name, again) => {
    const killed = await byTcp(dataDir);
    const { port, password } = new URL(killed.url);
    const superuser = new URL(killed.superuserUrl).password;
    await killed.stop();
    const impostor = await startImpostor(Number(port));
    // As a crash leaves it, with a process of that number that is another's by now.
    const pidFile = `${process.pid}\n${join(dataDir, 'cluster')}\n1\n${port}\n\n127.0.0.1\n0 0\nready\n`;
    await writeFile(join(dataDir, 'cluster', 'postmaster.pid'), pidFile);
    try {
      const next = await again(dataDir);
      expect(await query(next.url, 'select 1 as up')).toEqual([{ up: 1 }]);
      await expect(connected(killed.url)).rejects.toThrow('not the expected one');
      expect(impostor.connections()).toBeGreaterThan(0);
      for (const secret of [password, superuser]) expect(impostor.received()).not.toContain(secret);
      await next.stop();
    } finally {
      await impostor.close();
    }
  });

  test('what an earlier version made, as the superuser, is handed over to the role', async () => {
    const before = await start(dataDir);
    await query(
      before.superuserUrl,
      `alter database workflow_executor owner to postgres;
       create schema old; create table old.kept (id bigserial primary key, word text); create view old.seen as table old.kept;
       create table "Odd name" (id integer generated always as identity); create type old.kind as enum ('a');
       create function old.one(integer) returns integer language sql as 'select 1';
       insert into old.kept (word) values ('before')`,
    );
    await expect(query(before.url, 'alter table old.kept add column more text')).rejects.toThrow('permission denied');
    await before.stop();
    const after = await start(dataDir);
    await query(
      after.url,
      `alter table old.kept add column more text; insert into old.kept (word) values ('after'); drop view old.seen;
       drop table "Odd name"; drop function old.one; drop type old.kind; create schema fresh; drop schema fresh`,
    );
    expect(await query(after.url, 'select id, word from old.kept')).toEqual([
      { id: '1', word: 'before' },
      { id: '2', word: 'after' },
    ]);
    await query(after.url, 'drop schema old cascade');
    await after.stop();
  });

  test('where the path is too long for a socket, it is in a short one that only its user can enter', async () => {
    const deep = join(root, 'deep-'.repeat(12), 'deeper-'.repeat(8));
    const socketOf = (url: string) => new URL(url).searchParams.get('host') ?? '';
    const first = await start(deep);
    expect(await query(first.url, 'select 1 as up')).toEqual([{ up: 1 }]);
    const socket = socketOf(first.url);
    expect(socket.startsWith(deep)).toBe(false);
    expect((await stat(socket)).mode & 0o777).toBe(0o700);
    await first.stop();
    const second = await start(deep);
    expect(second.url).toBe(first.url);
    await second.stop();
    await chmod(socket, 0o755); // so may one be that somebody else has made in its place
    const third = await start(deep);
    expect(socketOf(third.url)).not.toBe(socket);
    await third.stop();
    for (const each of [socket, socketOf(third.url)]) await rm(each, { recursive: true });
  });

  test('a pid file left by a kill, whose number now belongs to another program, does not stop the start', async () => {
    await (await start(dataDir)).stop();
    await writeFile(
      join(dataDir, 'cluster', 'postmaster.pid'),
      `${process.pid}\n${join(dataDir, 'cluster')}\n1\n1\n\n127.0.0.1\n`,
    );
    const postgres = await start(dataDir);
    expect(await query(postgres.url, 'select 1 as up')).toEqual([{ up: 1 }]);
    await postgres.stop();
  });

  test('processes that start on the same new directory at once agree on one server; half-made clusters are thrown away', async () => {
    const fresh = join(root, 'fresh');
    const partial = join(fresh, 'cluster.partial-000000000000');
    await mkdir(partial, { recursive: true });
    await writeFile(join(partial, 'PG_VERSION'), '18');
    await utimes(partial, new Date(0), new Date(0));
    const all = await Promise.all([start(fresh), start(fresh), start(fresh)]);
    expect(new Set(all.map(({ url }) => url)).size).toBe(1);
    expect((await readdir(fresh)).sort()).toEqual(['cluster', 'password', 'role-password', 'run', 'server.log']);
    for (const { stop } of all) await stop();
  });

  test('a failure says what is wrong', async () => {
    const blocked = join(root, 'file');
    await writeFile(blocked, '');
    await expect(start(join(blocked, 'postgres'))).rejects.toThrow(/ENOTDIR|EEXIST/);
    await expect(startEmbeddedPostgres({ dataDir, settings: { no_such_setting: '1' } })).rejects.toThrow(
      /no_such_setting/,
    );
  });
});

/** Plays a Postgres that asks for the password in clear, and keeps what it is sent. */
async function startImpostor(port: number) {
  let [received, connections] = ['', 0];
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    connections += 1;
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.on('data', (bytes) => {
      received += bytes.toString('latin1');
      socket.write(Buffer.from([0x52, 0, 0, 0, 8, 0, 0, 0, 3]));
    });
  }).listen(port, '127.0.0.1');
  await once(server, 'listening');
  const close = async () => {
    for (const socket of sockets) socket.destroy();
    server.close();
    await once(server, 'close');
  };
  return { port, received: () => received, connections: () => connections, close };
}

async function connected(url: string): Promise<PgClient> {
  const client = new PgClient({ connectionString: url, connectionTimeoutMillis: 5_000 });
  client.on('error', () => undefined);
  await client.connect();
  return client;
}

async function query(url: string, sql: string): Promise<unknown[]> {
  const client = await connected(url);
  try {
    return (await client.query(sql)).rows;
  } finally {
    await client.end();
  }
}

async function serverPid(dataDir: string): Promise<number> {
  return Number((await readFile(join(dataDir, 'cluster', 'postmaster.pid'), 'utf8').catch(() => '')).split('\n')[0]);
}
