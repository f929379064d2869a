/** The two phases of a pause, and the pause after exhausted retries, as a client of the API sees them. */
import { rm } from 'node:fs/promises';
import { eventually } from '../support/eventually.js';
import { failWith, startAgentServer, succeed } from '../support/agent-server.js';
import { definitionsDir } from './support/definitions.js';
import { scriptedApp } from './support/scripted-app.js';
import { startTestApp } from './support/test-app.js';

describe('a pause while a call is in flight', () => {
  const world = scriptedApp();

  const pausing = { current_state: 'paused', pause_state: 'pausing', drained: false };
  const paused = { current_state: 'paused', pause_state: 'paused', drained: true };
  const listed = async (id: string) =>
    (await world.api.get('/api/v1/workflow/executions?state=paused')).body.data.executions.find(
      (one: { id: string }) => one.id === id,
    );

  test('shows pause_state pausing until the call has drained, then paused; current_state is paused in both', async () => {
    world.agents.scripts.set('drains', { enrich: 'hold' });
    const id = await world.api.start({ project_id: 'drains', document_type: 'ib' });
    expect((await world.api.reaches(id, 'enriching')).execution).toMatchObject({ pause_state: null, drained: false });
    await eventually(() => world.agents.calls.some(({ input }) => input.execution_id === id));

    expect((await world.api.control(id, 'pause')).body.data.execution).toMatchObject(pausing);
    expect((await world.api.reaches(id, 'paused')).execution).toMatchObject(pausing);
    expect(await listed(id)).toMatchObject(pausing);

    world.agents.release(id, 'enrich');
    const drained = await eventually(async () => {
      const { execution, steps } = await world.api.details(id);
      if (!execution.drained) throw new Error(`Expected it drained, got ${JSON.stringify(execution)}`);
      return { execution, steps };
    });
    expect(drained).toMatchObject({
      execution: paused,
      steps: [{ status: 'completed' }, { status: 'pending' }, ...[{}, {}, {}, {}]],
    });
    expect(await listed(id)).toMatchObject(paused);

    expect((await world.api.control(id, 'resume')).body.data.execution).toMatchObject({
      pause_state: null,
      drained: false,
    });
    expect((await world.api.reaches(id, 'completed')).execution).toMatchObject({ pause_state: null, drained: false });
  });
});

test('exhausted retries pause an execution whose definition asks for it, with the decision shown; a resume tries again', async () => {
  let isRepaired = false;
  const agents = await startAgentServer(() => (isRepaired ? succeed({ done: true }) : failWith('transient')));
  const retry = { initial_interval_ms: 1 };
  const definitions = await definitionsDir([
    { name: 'fetch', agent: 'fetcher', max_retries: 1, retry, on_exhausted: 'pause' },
  ]);
  const app = await startTestApp({ AGENT_FETCHER_URL: agents.url, DEFINITIONS_DIR: definitions });
  try {
    const { api } = app;
    const id = await api.start({ project_id: 'p', document_type: 'test' });
    const { execution, steps } = await api.reaches(id, 'paused');
    expect(execution).toMatchObject({
      ...{ pause_state: 'paused', drained: true, current_step: 'fetch' },
      ...{ error_type: 'transient', completed_at: null, next_action_at: null },
    });
    expect(steps[0]).toMatchObject({
      ...{ status: 'failed', error_type: 'transient', retry_at: null },
      last_decision: {
        ...{ rule: 'attempts_exhausted', error_type: 'transient', attempt: 2, of: 2 },
        ...{ delay_ms: null, delay_source: null, then: 'pause' },
      },
    });
    const events = await api.events(id);
    expect(events.map(({ event_type }) => event_type)).toEqual([
      'WorkflowStarted',
      'StepStarted',
      'StepFailed',
      'StepStarted',
      'StepFailed',
      'WorkflowPaused',
    ]);
    const decision = { rule: 'retry', errorType: 'transient', attempt: 1, of: 2, delayMs: 1, delaySource: 'backoff' };
    expect(events[2].data).toMatchObject({ decision });
    expect(events[3].data).toMatchObject({ because: decision });
    expect(events[5].data).toMatchObject({ cause: 'retries_exhausted', exhausted: { step: 'fetch' } });

    isRepaired = true;
    expect((await api.control(id, 'resume')).status).toBe(200);
    const done = await api.reaches(id, 'completed');
    expect(done.execution).toMatchObject({ error_type: null, error_message: null });
    expect(agents.calls.map(({ headers }) => headers['idempotency-key'])).toEqual([
      ...[`${id}:fetch:1`, `${id}:fetch:1`, `${id}:fetch:2`],
    ]);
  } finally {
    await app.close();
    await agents.close();
    await rm(definitions, { recursive: true, force: true });
  }
}, 60_000);
