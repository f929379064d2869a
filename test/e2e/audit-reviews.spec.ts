/** Reviews of an execution's history, through the API. */
import { randomUUID } from 'node:crypto';
import { EventLog } from '../../src/application/log/event-log.js';
import { scriptedApp } from './support/scripted-app.js';

const world = scriptedApp();
let id: string;
beforeEach(async () => {
  id = await world.api.start({ project_id: 'p-1', document_type: 'ib', auto_execute: false });
  await world.api.control(id, 'pause');
  await world.api.control(id, 'cancel', { reason: 'a duplicate' });
  await world.api.reaches(id, 'cancelled');
});

const OF = { through_revision: 1, outcome: 'accepted', reason: 'as planned', actor_id: 'quinn' };
const post = (body: object, headers: Record<string, string> = {}, executionId = id) =>
  world.api.post(`/api/v1/workflow/${executionId}/audit-reviews`, { ...OF, ...body }, headers);
const list = async () => (await world.api.get(`/api/v1/workflow/${id}/audit-reviews`)).body.data;

test('a review is recorded after the execution has ended, changes nothing in its history, and names the hash of the event', async () => {
  const [, second] = await world.api.events(id);
  const { status, body } = await post({});
  expect(status).toBe(201);
  const review = {
    execution_id: id,
    revision: '0',
    through_revision: '1',
    event_hash: second.hash,
    outcome: 'accepted',
    reason: 'as planned',
    actor: { type: 'user', id: 'quinn', verified: false },
  };
  const audit = {
    reviewed_through: '1',
    unreviewed_events: 1,
    last_outcome: 'accepted',
    last_reviewed_by: { type: 'user', id: 'quinn', verified: false },
    last_reviewed_at: body.data.review.reviewed_at,
  };
  expect(body.data).toMatchObject({ review, audit });
  expect(await list()).toMatchObject({ reviews: [review], audit });
  expect(await world.api.eventTypes(id)).toEqual(['WorkflowStarted', 'WorkflowPaused', 'WorkflowCancelled']);

  const plain = await world.api.get(`/api/v1/workflow?execution_id=${id}`);
  expect(plain.body.data).not.toHaveProperty('audit');
  const shown = await world.api.get(`/api/v1/workflow?execution_id=${id}&include_audit=true`);
  expect(shown.body.data.audit).toEqual({ ...audit });
});

test('an execution without a review shows all its events as unreviewed', async () => {
  const none = { reviewed_through: null, last_outcome: null, last_reviewed_at: null, last_reviewed_by: null };
  expect(await list()).toEqual({ reviews: [], audit: { ...none, unreviewed_events: 3 } });
});

test('a review may go back: reviewed events stay reviewed, and the last outcome counts', async () => {
  await post({ through_revision: '2' });
  await post({ through_revision: 0, outcome: 'findings', reason: 'the project was another', actor_id: 'rita' });
  const { reviews, audit } = await list();
  expect(reviews.map((each: { through_revision: string }) => each.through_revision)).toEqual(['2', '0']);
  expect(audit).toMatchObject({
    reviewed_through: '2',
    unreviewed_events: 0,
    last_outcome: 'findings',
    last_reviewed_by: { id: 'rita' },
  });
});

test('concurrent requests with one Idempotency-Key record one review; a different review under that key is refused', async () => {
  const headers = { 'idempotency-key': randomUUID() };
  const answers = await Promise.all(Array.from({ length: 5 }, () => post({}, headers)));
  expect(answers.map(({ status }) => status)).toEqual([201, 201, 201, 201, 201]);
  expect(new Set(answers.map(({ body }) => body.data.review.id)).size).toBe(1);
  expect((await list()).reviews).toHaveLength(1);
  expect(await post({ outcome: 'rejected' }, headers)).toMatchObject({
    status: 422,
    body: { error: { code: 'IDEMPOTENCY_KEY_REUSED' } },
  });
});

test('concurrent reviews without a key are all recorded, and chained by their hashes', async () => {
  await Promise.all(Array.from({ length: 4 }, (_, index) => post({ reason: `reader ${index}` })));
  expect((await list()).reviews).toHaveLength(4);
  const { events } = await world.app.server.app.get(EventLog).read(`audit-review-${id}`);
  const links = events.map(({ metadata }) => metadata as { hash: string; previousHash: string | null });
  expect(links.map(({ previousHash }) => previousHash)).toEqual([null, ...links.slice(0, -1).map(({ hash }) => hash)]);
});

test.each([
  ['a revision beyond the end', { through_revision: 3 }, 400, 'REVISION_BEYOND_END'],
  ['an invalid revision', { through_revision: -1 }, 400, 'INVALID_REQUEST'],
  ['an invalid outcome', { outcome: 'fine' }, 400, 'INVALID_REQUEST'],
  ['no reason', { reason: undefined }, 400, 'INVALID_REQUEST'],
  ['a blank reason', { reason: '  ' }, 400, 'INVALID_REQUEST'],
  ['an unknown field', { page: 1 }, 400, 'INVALID_REQUEST'],
])('%s is refused, and nothing is recorded', async (_, body, status, code) => {
  expect(await post(body)).toMatchObject({ status, body: { error: { code } } });
  expect((await list()).reviews).toEqual([]);
});

test('where nobody proves who asks, nobody signs: 403, which says what to set', async () => {
  const body = { meaning: 'approval', through_revision: 1, documents: [] };
  const { status, body: answer } = await world.api.post(`/api/v1/workflow/${id}/signatures`, body);
  expect({ status, ...answer.error }).toMatchObject({
    ...{ status: 403, code: 'FORBIDDEN', message: expect.stringContaining('AUTH=oidc') },
  });
  expect((await world.api.get(`/api/v1/workflow/${id}/signatures`)).body.data).toEqual({ signatures: [] });
  expect((await world.api.get(`/api/v1/workflow/${randomUUID()}/signatures`)).status).toBe(404);
});

test('an execution that does not exist has no reviews: 404', async () => {
  expect((await post({}, {}, randomUUID())).status).toBe(404);
  expect((await world.api.get(`/api/v1/workflow/${randomUUID()}/audit-reviews`)).status).toBe(404);
});
