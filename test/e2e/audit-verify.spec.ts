/** `npm run audit -- verify`, while the application runs and while it does not. */
import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { eventually } from '../support/eventually.js';
import { createTestDatabase, type TestDatabase } from '../support/postgres.js';
import { startScriptedAgents } from './support/scripted-agents.js';
import { startTestApp } from './support/test-app.js';

const program = fileURLToPath(new URL('../../dist/interfaces/cli/audit.js', import.meta.url));
let database: TestDatabase;
let dataDir = '';

const audit = (...given: string[]) =>
  new Promise<{ code: number; told: string }>((resolve) => {
    const env = { ...process.env, DATABASE_URL: database.url, DATA_DIR: dataDir, EVENTSTORE_URL: '' };
    const child = execFile(process.execPath, [program, ...given], { env }, (_error, stdout, stderr) =>
      resolve({ code: child.exitCode ?? -1, told: stdout + stderr }),
    );
  });
const sql = async (text: string, values: unknown[]): Promise<pg.QueryResult> => {
  const client = new pg.Client({ connectionString: database.url });
  await client.connect();
  return client.query(text, values).finally(() => client.end());
};

beforeAll(async () => {
  database = await createTestDatabase();
  dataDir = await mkdtemp(path.join(tmpdir(), 'audit-verify-'));
});
afterAll(async () => {
  await database.drop();
  await rm(dataDir, { recursive: true });
});

test('names what was tampered with in the table, and ends with 1; with 0 where nothing was, with 2 where it cannot tell', async () => {
  const agents = await startScriptedAgents();
  const env = { DATABASE_URL: database.url, DATA_DIR: dataDir, AGENT_BASE_URL: agents.url, AUDIT_CHECKPOINT_MS: '100' };
  const app = await startTestApp(env);
  try {
    const id = await app.api.start({ project_id: 'p', document_type: 'ib' });
    await app.api.reaches(id, 'completed');
    const covers = async () => Number((await sql('select count(*) from audit_leaves', [])).rows[0].count) > 0;
    await eventually(covers);
    const count = (await app.api.events(id)).length;
    await eventually(async () => {
      const { rows } = await sql(
        "select checkpoint ->> 'tree_size' as size from audit_checkpoints order by number",
        [],
      );
      return Number(rows.at(-1)?.size) === count;
    });
    const running = await audit('verify', '--all');
    expect(running).toMatchObject({ code: 0, told: expect.stringContaining(`${count} events are exactly those`) });
    expect(await audit('verify', id)).toMatchObject({ code: 0, told: expect.stringContaining(`${count} of them are`) });

    await sql(
      `update eventstore.events set data = convert_to(replace(convert_from(data, 'utf8'), '"projectId":"p"', '"projectId":"q"'), 'utf8')
       where stream = $1 and revision = 0`,
      [`workflow-${id}`],
    );
    const edited = expect.stringContaining(`edited-data: position 1, stream workflow-${id}, revision 0`);
    expect(await audit('verify', '--all')).toMatchObject({ code: 1, told: edited });
    expect(await audit('verify', id)).toMatchObject({ code: 1, told: edited });
    await app.close();
    expect(await audit('verify', '--all')).toMatchObject({ code: 1, told: edited });
  } finally {
    await agents.close();
  }
  expect(await audit('verify')).toMatchObject({ code: 2, told: expect.stringContaining('Usage') });
  expect(await audit('verify', 'no-such-execution')).toMatchObject({ code: 2 });
}, 180_000);
