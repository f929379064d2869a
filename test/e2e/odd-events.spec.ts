/** Events that this version did not write, through the API: an unknown type, and one that cannot be read. */
import { randomUUID } from 'node:crypto';
import { EventLog } from '../../src/application/log/event-log.js';
import { eventually } from '../support/eventually.js';
import { scriptedApp } from './support/scripted-app.js';

const world = scriptedApp();

/** Appends as another program would. */
const append = async (executionId: string, type: string, data: object) => {
  const log = world.app.server.app.get(EventLog);
  const stream = `workflow-${executionId}`;
  const { revision } = await log.read(stream);
  await log.append(stream, [{ id: randomUUID(), type, data: data as never, metadata: {} }], revision);
};

const started = (more: object = {}) =>
  world.api.start({ project_id: 'p-1', document_type: 'ib', triggered_by: 'ann', auto_execute: false, ...more });

const remaining = (id: string) => world.api.post('/api/v1/workflow/execute', { execution_id: id, mode: 'remaining' });

test('the API shows an event of an unknown type, and its execution continues', async () => {
  const id = await started();
  await append(id, 'WorkflowPraised', { by: 'a reader', stars: [5] });
  expect((await remaining(id)).body.data).toMatchObject({ changed: true, revision: '3' });
  await world.api.reaches(id, 'completed');
  const shown = await eventually(async () => {
    const found = (await world.api.events(id)).find(({ event_type }) => event_type === 'WorkflowPraised');
    expect(found).toBeDefined();
    return found;
  });
  expect(shown).toMatchObject({
    revision: '1',
    data: { by: 'a reader', stars: [5] },
    actor: null,
    current_state: null,
  });
});

test('an unreadable event holds back its own execution only: the API shows its last state, writes nothing to it, and health reports it', async () => {
  const [sick, well] = [await started(), await started()];
  await world.api.reaches(sick, 'created');
  const { steps } = await world.api.details(sick);
  await append(sick, 'StepStarted', { stepId: steps[0].id, step: 'enrich', attempt: 'first' });

  const unreadable = { status: 409, body: { error: { code: 'HISTORY_UNREADABLE', details: { revision: '1' } } } };
  expect(await remaining(sick)).toMatchObject(unreadable);
  expect(await world.api.get(`/api/v1/workflow/${sick}/audit-pack`)).toMatchObject(unreadable);
  expect((await remaining(well)).status).toBe(200);
  await world.api.reaches(well, 'completed');

  await eventually(async () => {
    const { body } = await world.api.get('/health/ready');
    expect(body.data.checks.projections).toMatchObject({ ok: false, detail: expect.stringContaining('held back') });
    expect(body.data.checks.histories).toMatchObject({ ok: false, detail: expect.stringContaining('damaged') });
  });
  expect((await world.api.details(sick)).execution).toMatchObject({
    ...{ current_state: 'created', revision: '0' },
    damage: { kind: 'unreadable', message: expect.stringContaining('Event 1 (StepStarted) cannot be applied') },
  });
  const log = world.app.server.app.get(EventLog);
  expect((await log.read(`workflow-${sick}`)).revision).toBe(1n);
  expect(world.agents.calls.filter(({ input }) => input.execution_id === sick)).toEqual([]);
});
