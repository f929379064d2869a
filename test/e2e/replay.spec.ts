/** `npm run replay` while the built application runs, and while it does not. A replay writes nothing. */
import { execFile } from 'node:child_process';
import { rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { bundled } from '../support/child.js';
import { failWith, startAgentServer, succeed, type AgentServer } from '../support/agent-server.js';
import { createTestDatabase, type TestDatabase } from '../support/postgres.js';
import { definitionsDir } from './support/definitions.js';
import { startInstance, type Instance } from './support/instance.js';

const PROGRAM = fileURLToPath(bundled(new URL('../../dist/interfaces/cli/replay/main.js', import.meta.url)));
const RETRY = { initial_interval_ms: 50 };
const STEPS = [
  { name: 'first', agent: 'first', retry: RETRY },
  { name: 'second', agent: 'second', retry: RETRY },
];

let database: TestDatabase;
let definitions: string;
let agent: AgentServer;
let instance: Instance;
let id: string;

/** The very first call fails, every other succeeds. */
beforeAll(async () => {
  [database, definitions] = await Promise.all([createTestDatabase(), definitionsDir(STEPS)]);
  agent = await startAgentServer(({ input }) =>
    agent.calls.length === 1 ? failWith('transient', 'BUSY') : succeed({ [input.step]: 'done' }),
  );
  const urls = { AGENT_FIRST_URL: agent.url, AGENT_SECOND_URL: agent.url };
  // Periodic writes of the instance would look like an effect of the replay.
  const quiet = { AUDIT_CHECKPOINT_MS: '3600000', DRIFT_CHECK_INTERVAL_MS: '0' };
  instance = await startInstance({ DATABASE_URL: database.url, DEFINITIONS_DIR: definitions, ...quiet, ...urls });
  id = await instance.api.start({ project_id: 'p-1', document_type: 'test', triggered_by: 'ann' });
  await instance.api.reaches(id, 'completed');
  const other = await instance.api.start({ project_id: 'p-2', document_type: 'test', triggered_by: 'bob' });
  await instance.api.reaches(other, 'completed');
}, 60_000);

afterAll(async () => {
  if (instance.child.process.exitCode === null) await instance.child.kill('SIGKILL');
  await Promise.all([agent.close(), rm(definitions, { recursive: true }), database.drop()]);
});

type Ended = Readonly<{ code: number; stdout: string; stderr: string }>;

const replay = (...args: readonly string[]): Promise<Ended> =>
  new Promise((resolve) => {
    const env = { ...process.env, DATABASE_URL: database.url, DEFINITIONS_DIR: definitions };
    execFile(process.execPath, [PROGRAM, ...args], { env }, (error, stdout, stderr) =>
      resolve({ code: typeof error?.code === 'number' ? error.code : 0, stdout, stderr }),
    );
  });

const file = async (name: string, content: unknown): Promise<string> => {
  const target = path.join(definitions, '..', `${path.basename(definitions)}-${name}`);
  await writeFile(target, JSON.stringify(content));
  return target;
};

const definition = (steps: readonly object[]) => ({
  name: 'test-generation',
  document_type: 'test',
  steps: steps.map((step) => ({ timeout_minutes: 1, ...step })),
});

/** The number of rows of each table of the log and of the read tables. */
const everything = async () => {
  const client = new pg.Client({ connectionString: database.url });
  await client.connect();
  try {
    const { rows } = await client.query<{ table: string }>(
      `select format('%I.%I', table_schema, table_name) as table from information_schema.tables
       where table_schema not in ('pg_catalog', 'information_schema') and table_type = 'BASE TABLE' order by 1`,
    );
    const counted = rows
      .map(({ table }) => table)
      .filter((table) => !table.includes('worker') && !table.includes('checkpoint') && !table.includes('node'));
    const contents: [string, number | null][] = [];
    for (const table of counted) contents.push([table, (await client.query(`select 1 from ${table}`)).rowCount]);
    return Object.fromEntries(contents) as Record<string, number>;
  } finally {
    await client.end();
  }
};

test('replay prints the history while the application runs', async () => {
  const { code, stdout, stderr } = await replay(id);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  const lines = stdout.trimEnd().split('\n');
  expect(lines[0]).toMatch(/^ {4}0 {2}\d{4}-.*Z {2}user ann {2,}WorkflowStarted {2,}created 0 %$/);
  expect(stdout).toMatch(/StepFailed.*\n.*attempt 1 of 4 is tried again after 50 ms \(backoff\); transient BUSY/);
  expect(stdout).toMatch(/first running 1 → waiting 1/);
  expect(stdout).toMatch(/WorkflowCompleted +completed 100 %/);
  expect(lines.filter((line) => [...line].length > 120)).toEqual([]);
});

test('replay stops at --until, and prints JSON lines with --json', async () => {
  const { code, stdout } = await replay(id, '--until', '2', '--json');
  expect(code).toBe(0);
  const lines = stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
  expect(lines.map(({ revision, event_type }) => [revision, event_type])).toEqual([
    ['0', 'WorkflowStarted'],
    ['1', 'StepStarted'],
    ['2', 'StepFailed'],
  ]);
  expect(lines[2]).toMatchObject({
    actor: { type: 'agent', id: 'first' },
    state: { current_state: 'first_running', steps: { first: 'waiting 1', second: 'pending' } },
    changes: [{ what: 'first', from: 'running 1', to: 'waiting 1' }],
  });
});

test('replay under other rules shows which decisions would differ, for a single execution and for all', async () => {
  const before = [await everything(), agent.calls.length];
  const same = await file('same.json', definition(STEPS));
  const stricter = await file('stricter.json', definition([{ ...STEPS[0], max_retries: 0 }, STEPS[1]!]));
  const slower = await file('slower.json', { retry: { initial_interval_ms: 2_000 } });

  expect(await replay(id, '--definition', same)).toMatchObject({ code: 0, stderr: '' });
  expect(await replay('--all', '--definition', same)).toMatchObject({ code: 0 });
  const single = await replay(id, '--definition', stricter);
  expect(single.code).toBe(1);
  expect(single.stdout).toMatch(
    / {4}2 .* retry +first\n +was: +another attempt\n +would: the execution fails\nFrom event 2 on/,
  );
  const all = await replay('--all', '--definition', stricter);
  expect(all.code).toBe(1);
  expect(all.stdout).toMatch(/^retry +1 +1 {2}/m);
  expect(all.stdout).toMatch(/2 executions, 14 events: 1 would differ, of 1 not the whole can be said, 0 could not/);

  const delayed = await replay(id, '--retry-policy', slower, '--json');
  expect(delayed.code).toBe(1);
  expect(JSON.parse(delayed.stdout)).toMatchObject({
    differs: true,
    fits_until: null,
    shift_ms: 1_950,
    differences: [{ revision: '2', kind: 'delay', real: 'again after 50 ms', other: 'again after 2 s' }],
  });
  expect((await replay(id, '--retry-policy', slower, '--ignore', 'delay')).code).toBe(0);

  await Promise.all([same, stricter, slower].map((name) => rm(name)));
  expect([await everything(), agent.calls.length]).toEqual(before);
});

test.each([
  [['not-a-uuid'], 'a UUID'],
  [['--all'], '--definition FILE or --retry-policy FILE'],
  [['00000000-0000-4000-8000-000000000000'], 'There is no execution'],
  [['--all', '--definition', 'no-such-file.json'], 'ENOENT'],
  [['--all', '--definition', 'package.json'], 'not a valid definition'],
  [['--all', '--definition', 'x', '--ignore', 'odd'], 'got "odd"'],
])('%j is an error: exit code 2', async (args, message) => {
  const { code, stdout, stderr } = await replay(...args);
  expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
  expect(stderr).toContain(message);
});

test('replay prints the same history while the application does not run', async () => {
  const running = await replay(id);
  await instance.child.kill('SIGTERM');
  const before = await everything();
  expect(await replay(id)).toEqual(running);
  expect(await everything()).toEqual(before);
});
