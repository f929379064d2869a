import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { startEmbeddedPostgres } from '../../../src/infrastructure/postgres/embedded-postgres.js';
import { startChild } from '../../support/child.js';
import { eventually } from '../../support/eventually.js';

const settings = { fsync: 'off' };
const holder = new URL('./holds-postgres.ts', import.meta.url);
const start = (dataDir: string) => startEmbeddedPostgres({ dataDir, settings });

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

  test('serves a UTF-8, UTC database on loopback, and keeps its data and password over a restart', async () => {
    const first = await start(dataDir);
    expect(await query(first.url, 'create table kept (word text)')).toEqual([]);
    await query(first.url, `insert into kept values ('größer')`);
    const [facts] = await query(
      first.url,
      `select current_database() as name, current_setting('server_encoding') as encoding, current_setting('TimeZone') as zone,
              current_setting('listen_addresses') as listens, 'a' < 'B' as "localeOrder"`,
    );
    expect(facts).toEqual({
      name: 'workflow_executor',
      encoding: 'UTF8',
      zone: 'UTC',
      listens: '127.0.0.1',
      localeOrder: false,
    });
    await first.stop();
    await expect(query(first.url, 'select 1')).rejects.toThrow();

    const second = await start(dataDir);
    expect(await query(second.url, 'select word from kept')).toEqual([{ word: 'größer' }]);
    expect(new URL(second.url).password).toBe(new URL(first.url).password);
    expect((await stat(join(dataDir, 'password'))).mode & 0o777).toBe(0o600);
    await second.stop();
  });

  test('fsync is on unless told otherwise', async () => {
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

  test('a server that is killed comes back on the same port', async () => {
    const postgres = await start(dataDir);
    const pid = await serverPid(dataDir);
    process.kill(pid, 'SIGKILL');
    await eventually(async () => (await serverPid(dataDir)) !== pid);
    await eventually(async () => expect(await query(postgres.url, 'select 1 as up')).toEqual([{ up: 1 }]));
    await postgres.stop();
  });

  test('whoever starts it again, it is where others look for it; elsewhere only where that port is taken', async () => {
    const first = await start(dataDir);
    await first.stop();
    const second = await start(dataDir);
    expect(second.url).toBe(first.url);
    await second.stop();
    const { port } = new URL(first.url);
    const squatter = createServer().listen(Number(port), '127.0.0.1');
    await once(squatter, 'listening');
    try {
      const third = await start(dataDir);
      expect(new URL(third.url).port).not.toBe(port);
      expect(await query(third.url, 'select 1 as up')).toEqual([{ up: 1 }]);
      await third.stop();
    } finally {
      squatter.close();
    }
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
    expect((await readdir(fresh)).sort()).toEqual(['cluster', 'password', 'server.log']);
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

async function query(url: string, sql: string): Promise<unknown[]> {
  const client = new pg.Client({ connectionString: url });
  client.on('error', () => undefined);
  await client.connect();
  try {
    return (await client.query(sql)).rows;
  } finally {
    await client.end();
  }
}

async function serverPid(dataDir: string): Promise<number> {
  return Number((await readFile(join(dataDir, 'cluster', 'postmaster.pid'), 'utf8').catch(() => '')).split('\n')[0]);
}
