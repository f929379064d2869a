/** The guide's own code, unchanged, with Supabase's own library, against this server. */
import { readFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import pg from 'pg';
import { createClient } from '@/lib/supabase/client';
import { startAgentServer, succeed } from '../support/agent-server.js';
import { eventually } from '../support/eventually.js';
import { letGo } from '../support/let-go.js';
import { createTestDatabase } from '../support/postgres.js';
import { guideProjects } from './support/guide-projects.js';
import { startInstance } from './support/instance.js';
import { startTestApp, type TestApp } from './support/test-app.js';

/* eslint-disable @typescript-eslint/no-explicit-any -- rows whose shape is what the tests assert */

type Supabase = ReturnType<typeof createClient>;

const AsyncFunction = (async () => undefined).constructor as FunctionConstructor;
const IMPORT = `import { createClient } from '@/lib/supabase/client'`;
const guide = (file: string) => readFileSync(new URL(`./support/guide/${file}.txt`, import.meta.url), 'utf8');

/** Runs code of the guide with these names in scope. */
const run = (code: string, names: Readonly<Record<string, unknown>>): Promise<any> =>
  new AsyncFunction(...Object.keys(names), code)(...Object.values(names)) as Promise<any>;

const START = { project_id: 'metformin', document_type: 'ib', triggered_by: 'ann' };
/** Of "Complete IB Generation". */
const GUIDES_PROJECT = 'my-project-uuid';
const clients: Supabase[] = [];
const printed: string[] = [];

/** The console of the guide's code: keeps each line in `printed`. */
const recordingConsole = {
  log: (...words: unknown[]) => printed.push(words.map((word) => (typeof word === 'string' ? word : '{…}')).join(' ')),
  error: (...words: unknown[]) => printed.push(words.join(' ')),
};

const KEY = 'the-key-of-these-tests';

const connected = (url: string, key = KEY): Supabase => {
  const supabase = createClient(url, key);
  clients.push(supabase);
  return supabase;
};

/** Follows all executions, and records the subscription's statuses. */
const follow = async (url: string) => {
  const [rows, statuses, systems]: [any[], string[], any[]] = [[], [], []];
  const supabase = connected(url);
  supabase
    .channel('follow')
    .on('postgres_changes', { event: '*', schema: 'public', table: 'workflow_executions' }, ({ new: row }) =>
      rows.push(row),
    )
    .on('system', {}, (message) => systems.push(message))
    .subscribe((status) => statuses.push(status));
  await eventually(() => systems.some(({ status }) => status === 'ok'));
  const sees = (id: string, state: string) =>
    eventually(() => rows.some((row) => row.id === id && row.current_state === state), { deadlineMs: 30_000 });
  return { rows, statuses, systems, sees };
};

afterEach(() => {
  for (const { realtime } of clients.splice(0)) letGo(realtime);
  printed.length = 0;
});

describe('against a server', () => {
  let app: TestApp;
  let projects: string;
  let exporter: Awaited<ReturnType<typeof startAgentServer>>;

  beforeAll(async () => {
    projects = await guideProjects();
    // Where the sources run, pages are laid out on this thread: for seconds, in which a busy machine takes its sessions for dead.
    exporter = await startAgentServer(({ input }, response) => {
      const done = succeed({ documents: [] });
      if (input.project_id !== GUIDES_PROJECT) return done;
      // The guide's client follows what it has started: there has to be something left to follow.
      const isFollowed = eventually(() => printed.length > 0, { deadlineMs: 5_000 }).catch(() => undefined);
      void isFollowed.then(() => response.setHeader('content-type', 'application/json').end(JSON.stringify(done)));
      return undefined;
    });
    app = await startTestApp({ REALTIME_API_KEY: KEY, PROJECTS_DIR: projects, AGENT_EXPORT_URL: exporter.url });
    Object.assign(process.env, { SUPABASE_URL: app.server.url, SUPABASE_ANON_KEY: KEY });
  }, 120_000);
  afterAll(async () => {
    delete process.env['SUPABASE_URL'];
    delete process.env['SUPABASE_ANON_KEY'];
    await app.close();
    await exporter.close();
    await rm(projects, { recursive: true, force: true });
  });

  const nextStep = (id: string) => app.api.post('/api/v1/workflow/execute', { execution_id: id, mode: 'next_step' });

  test('"Using Supabase Realtime" receives each update until it unsubscribes', async () => {
    const code = guide('subscribe');
    expect(code).toContain(IMPORT);
    const [subscribe, cleanUp] = code.replace(IMPORT, '').split('// Cleanup\n') as [string, string];
    const executionId = await app.api.start({ ...START, auto_execute: false });
    const [progress, states]: [number[], string[]] = [[], []];
    const { supabase, channel, clean } = await run(
      `${subscribe}\nreturn { supabase, channel, clean: () => { ${cleanUp} } }`,
      {
        createClient,
        executionId,
        updateProgress: (percent: number) => progress.push(percent),
        updateStatus: (state: string) => states.push(state),
        console: recordingConsole,
      },
    );
    clients.push(supabase);
    await eventually(() => channel.state === 'joined');
    await nextStep(executionId);
    await eventually(() => states.includes('enriching') && progress.some((percent) => percent > 0));
    expect(printed[0]).toBe('Workflow updated: {…}');
    clean();
    await eventually(() => channel.state === 'closed');
    const seen = states.length;
    const other = await follow(app.server.url);
    await nextStep(executionId);
    await eventually(() => other.rows.some((row) => row.id === executionId));
    expect(states).toHaveLength(seen);
  });

  test('"Complete IB Generation" prints the progress and the completion', async () => {
    const supabase = connected(app.server.url);
    await run(guide('complete-ib-generation'), {
      supabase,
      fetch: (path: string, init: RequestInit) => fetch(app.server.url + path, init),
      console: recordingConsole,
    });
    await eventually(() => printed.includes('✅ Workflow completed!'), { deadlineMs: 30_000 });
    process.stdout.write(`The guide's code says:\n${printed.map((line) => `  ${line}\n`).join('')}`);
    const percents = printed.flatMap((line) => /^Progress: (\d+)%$/.exec(line)?.slice(1).map(Number) ?? []);
    expect(percents).toEqual([...percents].sort((a, b) => a - b));
    expect(percents.at(-1)).toBe(100);
    expect(printed.slice(-3)).toEqual(['Progress: 100%', 'State: completed', '✅ Workflow completed!']);
    await eventually(() => supabase.getChannels().length === 0);
  });

  test('a client that filters by execution receives its steps and events, and no other', async () => {
    const executionId = await app.api.start({ ...START, auto_execute: false });
    const other = await app.api.start({ ...START, auto_execute: false });
    const seen: any[] = [];
    const of = { event: '*', schema: 'public', filter: `execution_id=eq.${executionId}` } as const;
    const supabase = connected(app.server.url);
    const channel = supabase
      .channel('rows')
      .on('postgres_changes', { ...of, table: 'workflow_steps' }, (payload) => seen.push(payload))
      .on('postgres_changes', { ...of, table: 'workflow_events' }, (payload) => seen.push(payload))
      .subscribe();
    await eventually(() => channel.state === 'joined');
    await nextStep(other);
    await nextStep(executionId);
    await eventually(() => seen.some((payload) => payload.new.event_type === 'StepCompleted'));
    await eventually(() =>
      seen.some((payload) => payload.table === 'workflow_steps' && payload.new.status === 'completed'),
    );
    expect(new Set(seen.map((payload) => payload.new.execution_id))).toEqual(new Set([executionId]));
  });

  test('the server refuses a client with another key', async () => {
    const errors: unknown[] = [];
    connected(app.server.url, 'another-key')
      .channel('follow')
      .subscribe((status, error) => errors.push(error ?? status));
    await eventually(() => errors.length > 0);
    expect(errors[0]).toBeInstanceOf(Error);
  });

  test('clients rejoin by themselves after the server has lost its database connection', async () => {
    const { rows, statuses, systems, sees } = await follow(app.server.url);
    const admin = new pg.Client({ connectionString: app.databaseUrl });
    await admin.connect();
    const { rowCount } = await admin.query(
      `select pg_terminate_backend(pid) from pg_stat_activity
       where application_name = 'workflow-executor-changes' and datname = current_database()`,
    );
    await admin.end();
    expect(rowCount).toBe(1);
    await eventually(() => statuses.join() === 'SUBSCRIBED,CHANNEL_ERROR,SUBSCRIBED');
    expect(systems[1]).toMatchObject({
      status: 'error',
      message: expect.stringMatching(/lost for a while: changes may have been missed\. Join again, and read again/),
    });
    await eventually(() => systems.length === 3);
    const id = await app.api.start(START);
    await sees(id, 'completed');
    expect(rows.length).toBeGreaterThan(2);
  });

  test('clients rejoin after a rebuild of a table, as its rows may have changed without a message', async () => {
    const { statuses, systems, sees } = await follow(app.server.url);
    const route = '/api/v1/admin/projections/workflow_executions/rebuilds';
    const ordered = await app.api.post(route, { actor_id: 'ann', reason: 'a test', require: 'none' });
    expect(ordered.status).toBe(202);
    await eventually(() => statuses.join() === 'SUBSCRIBED,CHANNEL_ERROR,SUBSCRIBED', { deadlineMs: 30_000 });
    expect(systems[1].message).toMatch(
      // The rebuild takes the lead before it exchanges the table: either may be what the clients are told first.
      /^The (table workflow_executions was exchanged|session that writes the read tables was lost): changes may have been missed\. Join again/,
    );
    await eventually(() => systems.length === 3);
    await sees(await app.api.start(START), 'completed');
  }, 60_000);
});

test('a client receives whole rows, however large the outputs: a large output is a reference', async () => {
  const agent = await startAgentServer(({ input }) =>
    succeed({ [input.step]: 'x'.repeat(input.project_id === 'large' ? 2_000_000 : 65_000) }),
  );
  const app = await startTestApp({ AGENT_BASE_URL: agent.url });
  try {
    const { rows, sees } = await follow(app.server.url);
    for (const [project_id, most] of [
      ['inline', 500_000],
      ['large', 5_000],
    ] as const) {
      const id = await app.api.start({ ...START, project_id });
      await sees(id, 'completed');
      const { checkpoint_data } = rows.findLast((row) => row.id === id);
      expect(Object.keys(checkpoint_data.intermediate_results)).toHaveLength(6);
      expect(JSON.stringify(checkpoint_data).length).toBeLessThan(most);
      const reference = { artifact: 'write/write', bytes: 2_000_002 };
      const written = project_id === 'large' ? expect.objectContaining(reference) : 'x'.repeat(65_000);
      expect(checkpoint_data.intermediate_results.write).toEqual(written);
    }
  } finally {
    await app.close();
    await agent.close();
  }
}, 120_000);

test('clients rejoin a restarted server and receive its changes', async () => {
  const database = await createTestDatabase();
  const env = { DATABASE_URL: database.url, REALTIME_API_KEY: KEY, LOG_LEVEL: 'verbose' };
  const first = await startInstance(env);
  const { api, child } = first;
  const { statuses, sees } = await follow(api.url);
  await sees(await api.start(START), 'completed');
  const begun = performance.now();
  await child.kill('SIGTERM');
  expect(performance.now() - begun).toBeLessThan(15_000);
  const second = await startInstance({ ...env, PORT: new URL(api.url).port });
  try {
    await eventually(() => statuses.at(-1) === 'SUBSCRIBED' && statuses.includes('CHANNEL_ERROR'), {
      deadlineMs: 30_000,
    });
    await sees(await api.start(START), 'completed');
  } finally {
    await second.child.kill('SIGTERM');
    await database.drop();
  }
  for (const output of [child.output(), second.child.output()]) expect(output).not.toContain(KEY);
}, 120_000);
