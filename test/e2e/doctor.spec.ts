/** `workflow doctor` on a set-up that is fine, and on broken ones: it names what is broken, and leaves everything as it is. */
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import type { Finding } from '../../src/application/doctor/findings.js';
import {
  startEmbeddedEventStore,
  type EmbeddedEventStore,
} from '../../src/infrastructure/embedded-eventstore/index.js';
import { EventStoreDbEventLog } from '../../src/infrastructure/eventstore/eventstore-db.event-log.js';
import { bundled } from '../support/child.js';
import { startFakePooler, type FakePooler } from '../support/fake-pooler.js';
import { createTestDatabase, type TestDatabase } from '../support/postgres.js';

const DOCTOR = fileURLToPath(bundled(new URL('../../dist/interfaces/cli/doctor/main.js', import.meta.url)));

let folder = '';
let database: TestDatabase;
let node: EmbeddedEventStore;
let other: Server;
let pooler: FakePooler;
beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'doctor-'));
  database = await createTestDatabase();
  node = await startEmbeddedEventStore({ databaseUrl: database.url });
  pooler = await startFakePooler(database.url, 'transaction');
  other = createServer((_request, response) => response.end('hello')).listen(0, '127.0.0.1');
  await once(other, 'listening');
}, 60_000);
afterAll(async () => {
  other.close();
  await pooler.close();
  await node.close();
  await database.drop();
  await rm(folder, { recursive: true });
}, 60_000);

type Examined = Readonly<{ code: number; ok: boolean; findings: readonly Finding[]; text: string }>;

const examine = (more: Readonly<Record<string, string>> = {}): Promise<Examined> => {
  const fine = { DATABASE_URL: database.url, EVENTSTORE_URL: node.url, DATA_DIR: path.join(folder, 'data'), PORT: '0' };
  const env = { PATH: process.env['PATH'], HOME: folder, ...fine, ...more };
  return new Promise((resolve) => {
    execFile(process.execPath, [DOCTOR, '--json'], { cwd: folder, env, timeout: 50_000 }, (failure, text, error) => {
      const code = failure ? Number(failure.code ?? -1) : 0;
      const said = text === '' ? { ok: false, findings: [] } : (JSON.parse(text) as Examined);
      resolve({ code, ok: said.ok, findings: said.findings, text: `${text}${error}` });
    });
  });
};

const failing = ({ findings }: Examined) => findings.filter(({ status }) => status === 'fail');

/** Events of the log and rows of all tables. */
const contents = async () => {
  const log = new EventStoreDbEventLog({ url: node.url });
  const client = new pg.Client({ connectionString: database.url });
  await client.connect();
  try {
    const { rows } = await client.query<{ count: string }>(
      `select sum((xpath('/row/n/text()', query_to_xml('select count(*) as n from ' || quote_ident(table_name), true, true, '')))[1]::text::int) as count
       from information_schema.tables where table_schema = 'public'`,
    );
    return { head: await log.head(), rows: rows[0]!.count };
  } finally {
    await client.end();
    await log.close();
  }
};

test('a set-up that is fine is found to be so, and nothing is written', async () => {
  const before = await contents();
  const examined = await examine();
  expect(examined.findings.filter(({ status }) => status !== 'ok')).toEqual([]);
  expect(examined).toMatchObject({ code: 0, ok: true });
  expect(examined.findings.map(({ check }) => check)).toEqual([
    ...['versions', 'settings', 'disk', 'port', 'database', 'pooler', 'clock', 'log'],
  ]);
  expect(await contents()).toEqual(before);
  expect(await readdir(folder)).toEqual([]);
});

test('each broken set-up fails by the one line that says what to do, and shows no password', async () => {
  const { port } = other.address() as AddressInfo;
  await writeFile(path.join(folder, 'a-file'), '');
  const withPassword = (url: string, password: string) => Object.assign(new URL(url), { password }).href;
  const esdb = (password: string) => node.url.replace(/:[^:@/]*@/, `:${password}@`);
  const setUps: readonly (readonly [check: string, message: RegExp, more: Readonly<Record<string, string>>])[] = [
    [
      'database',
      /password authentication failed.*Correct the password/,
      { DATABASE_URL: withPassword(database.url, 'wrong-secret') },
    ],
    ['database', /Correct the host/, { DATABASE_URL: 'postgres://ann:wrong-secret@nowhere.invalid/x' }],
    ['database', /ECONNREFUSED.*Start the server/, { DATABASE_URL: 'postgres://ann:wrong-secret@127.0.0.1:1/x' }],
    ['pooler', /pooler in transaction mode/, { DATABASE_URL: pooler.url }],
    ['settings', /DATA_DIRR.*Did you mean DATA_DIR/, { DATA_DIRR: 'x' }],
    ['settings', /AGENTS_MODULE: expected a file that can be read.*ENOENT/, { AGENTS_MODULE: './missing.js' }],
    [
      'disk',
      /DATA_DIR: expected a folder that can be written.*ENOTDIR/,
      { DATA_DIR: path.join(folder, 'a-file', 'data') },
    ],
    ['log', /ECONNREFUSED.*Start it/, { EVENTSTORE_URL: 'esdb://ann:wrong-secret@127.0.0.1:1?tls=false' }],
    ['log', /Correct the user/, { EVENTSTORE_URL: esdb('wrong-secret') }],
    ['port', /something else listens there/, { PORT: String(port) }],
  ];
  const examined = await Promise.all(setUps.map(async ([, , more]) => examine(more)));
  for (const [index, [check, message]] of setUps.entries()) {
    const each = examined[index]!;
    expect({ code: each.code, failing: failing(each) }).toEqual({
      ...{ code: 1, failing: [{ check, status: 'fail', message: expect.stringMatching(message) }] },
    });
    expect(each.text).not.toContain('wrong-secret');
  }
}, 120_000);

test('a log that is another one than the database knows fails', async () => {
  const client = new pg.Client({ connectionString: database.url });
  await client.connect();
  await client.query(
    `insert into log_identity (id, log_id, bound_at) values (1, '0d3c8a8e-95b0-4f0e-9d5e-0a8f6f4c1d2e', now())`,
  );
  await client.end();
  const examined = await examine();
  expect(failing(examined)).toMatchObject([
    { check: 'log', message: expect.stringMatching(/not the one.*eventstore:adopt/) },
  ]);
});
