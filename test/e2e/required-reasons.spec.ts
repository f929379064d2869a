/** REQUIRE_REASON: the commands for which an installation requires a reason. */
import { scriptedApp } from './support/scripted-app.js';

const world = scriptedApp({ REQUIRE_REASON: 'cancel, retry,next_step' });

const started = () => world.api.start({ project_id: 'p-1', document_type: 'ib', auto_execute: false });

test.each([
  ['nothing', {}, 'nothing'],
  ['null', { reason: null }, 'nothing'],
  ['blanks', { reason: ' \t ' }, '" \\t "'],
])('a command whose required reason is %s is answered 400 and not carried out', async (_, body, received) => {
  const id = await started();
  const { status, body: answer } = await world.api.control(id, 'cancel', body);
  expect(status).toBe(400);
  expect(answer.error).toMatchObject({
    code: 'REASON_REQUIRED',
    message: `reason: expected the reason for cancel, which this installation requires, got ${received}`,
    details: [{ field: 'reason', received }],
  });
  const next = await world.api.post('/api/v1/workflow/execute', { execution_id: id, mode: 'next_step', ...body });
  expect(next).toMatchObject({ status: 400, body: { error: { code: 'REASON_REQUIRED' } } });
  await world.api.reaches(id, 'created');
  expect(await world.api.eventTypes(id)).toEqual(['WorkflowStarted']);
});

test('a command with its required reason is carried out, and the event records the reason', async () => {
  const id = await started();
  expect((await world.api.control(id, 'cancel', { reason: 'a duplicate' })).status).toBe(200);
  await world.api.reaches(id, 'cancelled');
  expect(await world.api.events(id)).toMatchObject([{}, { event_type: 'WorkflowCancelled', reason: 'a duplicate' }]);
});

test('commands that REQUIRE_REASON does not name need no reason; a blank reason is recorded as none', async () => {
  const id = await started();
  expect((await world.api.control(id, 'pause')).status).toBe(200);
  expect((await world.api.control(id, 'resume', { reason: '  ' })).status).toBe(200);
  await world.api.reaches(id, 'created');
  expect((await world.api.events(id)).map(({ reason }) => reason)).toEqual([null, null, null]);
});

test('a hold needs a reason that is not blank', async () => {
  const { status, body } = await world.api.post('/api/v1/workflow/agents/writer/hold', { reason: '  ' });
  expect({ status, code: body.error.code }).toEqual({ status: 400, code: 'INVALID_REQUEST' });
});
