/** Every example of the guide, sent as the guide has it, with ids filled in. */
import { rm } from 'node:fs/promises';
import { executorOf } from '../../src/composition/executor.js';
import { eventually } from '../support/eventually.js';
import { guideProjects } from './support/guide-projects.js';
import { scriptedApp } from './support/scripted-app.js';
import { startTestApp, type TestApp } from './support/test-app.js';

describe('with agents that the test controls', () => {
  const world = scriptedApp();

  test('a client creates and starts, monitors, pauses, resumes and retries', async () => {
    world.agents.scripts.set('uuid', { write: 'hold' });
    const started = await world.api.post('/api/v1/workflow/start', {
      project_id: 'uuid',
      document_type: 'ib',
      triggered_by: 'user-uuid',
      auto_execute: true,
    });
    expect(started.body).toMatchObject({
      success: true,
      data: { execution: { current_state: 'created', percent_complete: 0 }, started: true },
    });
    const id = started.body.data.execution.id as string;

    await world.api.reaches(id, 'writing');
    const monitored = await world.api.get(`/api/v1/workflow?execution_id=${id}&include_steps=true`);
    expect(monitored.body).toMatchObject({
      success: true,
      data: {
        execution: { current_state: 'writing', current_step: 'write', percent_complete: 25 },
        steps: [
          { step_name: 'enrich', status: 'completed', duration_ms: expect.any(Number) },
          { step_name: 'compose', status: 'completed', duration_ms: expect.any(Number) },
          { step_name: 'write', status: 'running', started_at: expect.stringMatching(/^\d{4}-.*Z$/) },
          { step_name: 'validate', status: 'pending' },
          { step_name: 'assemble', status: 'pending' },
          { step_name: 'export', status: 'pending' },
        ],
      },
    });

    const control = '/api/v1/workflow/control';
    const paused = await world.api.post(control, { execution_id: id, action: 'pause', actor_id: 'user-uuid' });
    expect(paused).toMatchObject({ status: 200, body: { data: { execution: { current_state: 'paused' } } } });
    const resumed = await world.api.post(control, { execution_id: id, action: 'resume', actor_id: 'user-uuid' });
    expect(resumed).toMatchObject({ status: 200, body: { data: { execution: { current_state: 'writing' } } } });
    const step = monitored.body.data.steps[2].id as string;
    const retried = await world.api.post(control, { execution_id: id, action: 'retry', step_id: step });
    expect(retried).toMatchObject({ status: 200, body: { data: { changed: true } } });

    await eventually(() => world.agents.calls.filter(({ input }) => input.execution_id === id).length === 4);
    world.agents.release(id, 'write');
    const { execution } = await world.api.reaches(id, 'completed');
    expect(execution).toMatchObject({
      percent_complete: 100,
      checkpoint_data: {
        last_completed_step: 'export',
        intermediate_results: { enrich: 'done', compose: 'done', write: 'done' },
      },
    });
  });

  test('a program starts an execution by a function, hears its end, and reads it over HTTP', async () => {
    const { start, ended, url } = executorOf(world.app.server);
    const body = { project_id: 'by-function', document_type: 'ib', triggered_by: 'ann', metadata: { at: new Date(0) } };
    const id = await start(body, { idempotencyKey: 'once' });
    const end = await ended(id);
    expect(end).toMatchObject({
      execution_id: id,
      current_state: 'completed',
      results: { enrich: 'done', export: 'done' },
    });
    expect(await start(body, { idempotencyKey: 'once' })).toBe(id);
    const read = await world.api.get(`/api/v1/workflow?execution_id=${id}&min_revision=${end.revision}`);
    expect(read.body.data.execution).toMatchObject({
      ...{ current_state: 'completed', triggered_by: 'ann', metadata: { at: '1970-01-01T00:00:00.000Z' } },
    });
    expect(url).toBe(world.app.server.url);
    await expect(start({ ...body, project_id: '../x' })).rejects.toThrow(/project_id: expected 1 to 128 characters/);
    await expect(start({ ...body, metadata: { text: '\0' } })).rejects.toThrow(/U\+0000/);
  });

  test('a client runs an execution step by step', async () => {
    const start = { project_id: 'step-by-step', document_type: 'ib', auto_execute: false };
    const started = await world.api.post('/api/v1/workflow/start', start);
    expect(started.body.data).toMatchObject({ started: false, execution: { current_state: 'created' } });
    const id = started.body.data.execution.id as string;
    for (const state of ['enriched', 'composed', 'written', 'validated', 'assembled', 'completed']) {
      const executed = await world.api.post('/api/v1/workflow/execute', { execution_id: id, mode: 'next_step' });
      expect(executed.status).toBe(200);
      await eventually(async () => {
        const checked = await world.api.get(`/api/v1/workflow?execution_id=${id}`);
        return checked.body.data.execution.current_state === state;
      });
    }
    const calls = world.agents.calls.filter(({ input }) => input.execution_id === id);
    expect(calls.map(({ path }) => path)).toEqual(
      ['enrich', 'compose', 'write', 'validate', 'assemble', 'export'].map((name) => `/api/v1/${name}`),
    );
  });

  test('a client runs one step, then all that remain', async () => {
    const id = await world.api.start({ project_id: 'remaining', document_type: 'ib', auto_execute: false });
    await world.api.post('/api/v1/workflow/execute', { execution_id: id, mode: 'next_step' });
    const { execution } = await world.api.reaches(id, 'enriched');
    expect(execution).toMatchObject({ next_step: 'compose', percent_complete: 15 });
    await world.api.post('/api/v1/workflow/execute', { execution_id: id, mode: 'remaining' });
    await world.api.reaches(id, 'completed');
  });

  test('the agents receive custom metadata', async () => {
    const metadata = {
      user_preferences: { language: 'en', format: 'pdf' },
      custom_options: { include_appendices: true },
    };
    world.agents.scripts.set('uuid', {});
    const id = await world.api.start({ project_id: 'uuid', document_type: 'ib', metadata });
    const { execution } = await world.api.reaches(id, 'completed');
    expect(execution.metadata).toEqual(metadata);
    const calls = world.agents.calls.filter(({ input }) => input.execution_id === id);
    expect(calls.map(({ input }) => input.metadata)).toEqual(Array(6).fill(metadata));
  });

  test('troubleshooting: a client reads a failed step’s error and events, then retries it', async () => {
    world.agents.scripts.set('troubled', { compose: 'validation' });
    const id = await world.api.start({ project_id: 'troubled', document_type: 'ib' });
    await world.api.reaches(id, 'failed');
    const patterns = await world.api.get(`/api/v1/workflow?execution_id=${id}&include_steps=true`);
    const failed = { error_type: 'validation', error_message: 'validation!' };
    expect(patterns.body.data).toMatchObject({
      execution: failed,
      steps: [{}, { ...failed, status: 'failed' }, {}, {}, {}, {}],
    });
    const logs = await world.api.get(`/api/v1/workflow?execution_id=${id}&include_events=true`);
    const types = logs.body.data.events.map(({ event_type }: { event_type: string }) => event_type);
    expect(types).toEqual([
      'WorkflowStarted',
      'StepStarted',
      'StepCompleted',
      'StepStarted',
      'StepFailed',
      'WorkflowFailed',
    ]);
    world.agents.scripts.set('troubled', {});
    const step_id = patterns.body.data.steps[1].id as string;
    await world.api.post('/api/v1/workflow/control', { execution_id: id, action: 'retry', step_id });
    await world.api.reaches(id, 'completed');
  });
});

describe('with the agents of the application', () => {
  let app: TestApp;
  let projects: string;
  beforeAll(async () => {
    projects = await guideProjects();
    app = await startTestApp({ PROJECTS_DIR: projects });
  }, 60_000);
  afterAll(async () => {
    await app.close();
    await rm(projects, { recursive: true });
  }, 60_000);

  test('complete IB generation: a client starts it and downloads the documents', async () => {
    const response = await fetch(`${app.api.url}/api/v1/workflow/start`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({
        project_id: 'my-project-uuid',
        document_type: 'ib',
        triggered_by: 'user-uuid',
      }),
    });
    const { data } = (await response.json()) as { data: { execution: { id: string } } };
    const executionId = data.execution.id;
    const { execution, steps } = await app.api.reaches(executionId, 'completed', 60_000);
    expect(execution).toMatchObject({ current_step: 'export', percent_complete: 100, error_message: null });
    const files = steps.flatMap(({ artifacts }: { artifacts: { name: string; bytes: number }[] }) => artifacts);
    const beginnings = new Map([
      ['pdf', '%PDF-'],
      ['docx', 'PK'],
    ]);
    for (const [ending, beginning] of beginnings) {
      const { name, bytes } = files.find(({ name }: { name: string }) => name.endsWith(`.${ending}`));
      const file = await app.api.get(`/api/v1/workflow/${executionId}/artifacts/${name}`);
      expect(file.status).toBe(200);
      const content = Buffer.from(file.body);
      expect(content.byteLength).toBe(bytes);
      expect(content.toString('latin1').startsWith(beginning)).toBe(true);
      expect(file.headers.get('content-disposition')).toContain(`filename="${name}"`);
      const etag = file.headers.get('etag') ?? '';
      const path = `${app.api.url}/api/v1/workflow/${executionId}/artifacts/${name}`;
      expect((await fetch(path, { headers: { 'If-None-Match': etag } })).status).toBe(304);
    }
  }, 90_000);
});
