import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { guideAgent } from '../support/guide-agent.js';
import { startChild } from '../support/child.js';
import { createTestDatabase, type TestDatabase } from '../support/postgres.js';
import { definitionsDir } from './support/definitions.js';
import { startInstance } from './support/instance.js';

const GUIDE_EXAMPLE = guideAgent(`{
  if (input.metadata.fail) throw new Error('no luck')
  return { greeting: 'hello ' + input.project_id, seen: Object.keys(input).sort() }
}`);

let database: TestDatabase;
let definitions: string;
let directory: string;

beforeAll(async () => {
  database = await createTestDatabase();
  definitions = await definitionsDir([{ name: 'greet', agent: 'my_agent', max_retries: 1 }]);
  directory = await mkdtemp(path.join(tmpdir(), 'workflow-executor-agents-'));
});

afterAll(async () => {
  await Promise.all([definitions, directory].map((one) => rm(one, { recursive: true })));
  await database.drop();
});

test('an instance runs the guide’s agent, registered by a module, for a step', async () => {
  const module = path.join(directory, 'my-agents.mjs');
  await writeFile(module, GUIDE_EXAMPLE);
  const { api, child } = await startInstance({
    DATABASE_URL: database.url,
    DEFINITIONS_DIR: definitions,
    AGENTS_MODULE: module,
  });
  try {
    const id = await api.start({ project_id: 'p-1', document_type: 'test' });
    const { execution, steps } = await api.reaches(id, 'completed');
    expect(execution.checkpoint_data).toEqual({
      last_completed_step: 'greet',
      intermediate_results: {
        greeting: 'hello p-1',
        seen: ['attempt', 'checkpoint', 'document_type', 'execution_id', 'metadata', 'project_id', 'step'],
      },
    });
    expect(steps[0].agent_metadata).toEqual({ duration_ms: 1000, model_used: 'gpt-4' });

    const failing = await api.start({ project_id: 'p-1', document_type: 'test', metadata: { fail: true } });
    const failed = await api.reaches(failing, 'failed');
    expect(failed.execution).toMatchObject({
      error_type: 'transient',
      error_code: 'MY_ERROR_CODE',
      error_message: 'no luck',
    });
    const agents = (await api.get('/api/v1/workflow/agents')).body.data.agents;
    expect(agents).toContainEqual(expect.objectContaining({ name: 'my_agent', kind: 'function' }));
  } finally {
    await child.kill('SIGTERM');
  }
}, 60_000);

test('an invalid setting stops the start with one readable message', async () => {
  const main = new URL('../../dist/main.js', import.meta.url);
  const child = startChild(main, [], { PORT: 'abc', SAGA_SWEEP: '1', DATABASE_URL: 'postgres://u:geheim@h/d?x=' });
  await child.printed(/SAGA_SWEEP/);
  await child.kill('SIGTERM');
  expect(child.output()).toMatch(/PORT: expected .* got "abc"/);
  expect(child.output()).not.toMatch(/geheim|at .*\.js:\d+/);
  expect(child.process.exitCode).toBe(1);
}, 30_000);
