/** Webhooks, from the API to a real receiver. */
import { randomUUID } from 'node:crypto';
import { EventLog } from '../../src/application/log/event-log.js';
import { eventually } from '../support/eventually.js';
import { startReceiver, verify, type Receiver } from '../support/webhook-receiver.js';
import { scriptedApp } from './support/scripted-app.js';

const HOOKS = '/api/v1/workflow/webhooks';
const START = { project_id: 'p-1', document_type: 'ib' };

const world = scriptedApp({
  WEBHOOK_ALLOW_PRIVATE_TARGETS: 'true',
  WEBHOOK_FIRST_RETRY_MS: '20',
  WEBHOOK_GIVE_UP_MS: '1500',
  WEBHOOK_TIMEOUT_MS: '60000',
});
let receiver: Receiver;
beforeEach(async () => {
  receiver = await startReceiver();
});
afterEach(async () => {
  const { webhooks } = (await world.api.get(HOOKS)).body.data;
  await Promise.all(webhooks.map(({ id }: { id: string }) => remove(id)));
  await receiver.close();
});

const subscribe = async (body: object = {}) => {
  const made = await world.api.post(HOOKS, { url: `${receiver.url}/hook?token=t0ken`, ...body });
  expect(made.status).toBe(201);
  const { webhook, secret } = made.body.data;
  return { id: webhook.id as string, webhook, secret: secret as string };
};
const shown = async (id: string) => (await world.api.get(`${HOOKS}/${id}`)).body.data.webhook;
const deliveries = async (id: string, query = '') =>
  (await world.api.get(`${HOOKS}/${id}/deliveries${query}`)).body.data;
const remove = (id: string) => fetch(`${world.api.url}${HOOKS}/${id}`, { method: 'DELETE' });
const run = async (more: object = {}) => {
  const id = await world.api.start({ ...START, ...more });
  await world.api.reaches(id, 'completed');
  return id;
};
const takenOf = (executionId: string) => receiver.taken().filter(({ body }) => body.data.execution_id === executionId);

test('the receiver gets every event of an execution in order, as the API shows it, with a valid signature', async () => {
  const { id, secret, webhook } = await subscribe({ actor_id: 'ann', description: 'the archive' });
  expect(secret).toMatch(/^whsec_[A-Za-z0-9+/]{43}=$/);
  expect(webhook).toMatchObject({
    ...{ url: `${receiver.url}/hook`, status: 'enabled', disabled: null, description: 'the archive' },
    ...{ event_types: [], project_id: null, execution_id: null, created_by: { type: 'user', id: 'ann' } },
  });
  const executionId = await run();
  const events = await world.api.events(executionId);
  await eventually(() => expect(takenOf(executionId)).toHaveLength(events.length));
  expect(takenOf(executionId).map(({ body }) => body.data)).toEqual(events);
  for (const each of takenOf(executionId)) {
    expect(each.path).toBe('/hook?token=t0ken');
    expect(each.body).toMatchObject({ type: each.body.data.event_type, timestamp: each.body.data.occurred_at });
    expect(verify(secret, each)).toBe(true);
    expect(verify(secret, { ...each, text: `${each.text} ` })).toBe(false);
  }
  await eventually(async () => expect(await shown(id)).toMatchObject({ queued: 0 }));
  const { deliveries: list, next_cursor } = await deliveries(id, '?limit=3');
  expect(list).toHaveLength(3);
  expect(list[0]).toMatchObject({
    ...{ webhook_id: id, execution_id: executionId, event_type: 'WorkflowCompleted', state: 'delivered' },
    ...{ attempts: 1, status_code: 204, error: null, next_attempt_at: null },
  });
  const rest = await deliveries(id, `?limit=200&cursor=${next_cursor}`);
  expect([...list, ...rest.deliveries].map(({ event_id }) => event_id)).toEqual(
    events.map((each) => each.id).reverse(),
  );
  expect(rest.next_cursor).toBeNull();
  // Neither the log nor the API shows the secret or the query of the address.
  const everywhere = JSON.stringify([
    (await world.app.server.app.get(EventLog).read(`webhook-${id}`)).events.map(({ data, metadata }) => [
      data,
      metadata,
    ]),
    (await world.api.get(HOOKS)).body,
  ]);
  for (const hidden of [secret, 't0ken']) expect(everywhere).not.toContain(hidden);
});

test('a failed delivery is retried with the same id, and later events of the execution wait for it', async () => {
  const failures = [500, 503];
  receiver.answer(({ body }) => (body.type === 'StepStarted' ? (failures.shift() ?? 204) : 204));
  const { id } = await subscribe();
  const executionId = await run();
  const events = await world.api.events(executionId);
  await eventually(() => expect(takenOf(executionId)).toHaveLength(events.length));
  expect(takenOf(executionId).map(({ body }) => body.data.revision)).toEqual(events.map(({ revision }) => revision));
  const ids = receiver.all.map(({ headers }) => headers['webhook-id']);
  expect(new Set(ids.slice(1, 4)).size).toBe(1);
  expect(receiver.all.map(({ status }) => status).slice(0, 5)).toEqual([204, 500, 503, 204, 204]);
  const { deliveries: list } = await deliveries(id);
  expect(list.find((each: { attempts: number }) => each.attempts > 1)).toMatchObject({
    attempts: 3,
    state: 'delivered',
  });
});

test('a webhook gets only the events that it asks for: by type, by project, by execution', async () => {
  await subscribe({ event_types: ['StepCompleted', 'Workflow*'] });
  await subscribe({ project_id: 'p-2', url: `${receiver.url}/p-2` });
  const first = await run();
  const second = await run({ project_id: 'p-2' });
  const late = await subscribe({ execution_id: second.toUpperCase(), url: `${receiver.url}/late` });
  expect(late.webhook.execution_id).toBe(second);
  const at = (path: string, executionId: string) =>
    takenOf(executionId).flatMap((each) => (each.path.startsWith(path) ? [each.body.type] : []));
  const types = await world.api.eventTypes(second);
  const wanted = types.filter((type) => /^(StepCompleted|Workflow.*)$/.test(type));
  await eventually(() => expect(at('/p-2', second)).toEqual(types));
  for (const execution of [first, second]) await eventually(() => expect(at('/hook', execution)).toEqual(wanted));
  expect(at('/p-2', first)).toEqual([]);
  // This webhook was made after the execution had ended, and begins with later events.
  expect((await deliveries(late.id)).deliveries).toEqual([]);
});

test('a delivery is sent again when a client asks for it', async () => {
  const { id } = await subscribe({ event_types: ['WorkflowCompleted'] });
  await run();
  await eventually(() => expect(receiver.all).toHaveLength(1));
  const [delivery] = await eventually(async () => {
    const { deliveries: list } = await deliveries(id, '?state=delivered');
    expect(list).toHaveLength(1);
    return list;
  });
  const again = await world.api.post(`${HOOKS}/${id}/deliveries/${delivery.id}/redeliver`, {});
  expect(again).toMatchObject({ status: 202, body: { data: { delivery: { id: delivery.id, state: 'pending' } } } });
  await eventually(() => expect(receiver.all).toHaveLength(2));
  expect(receiver.all[1]!.headers['webhook-id']).toBe(receiver.all[0]!.headers['webhook-id']);
  expect(receiver.all[1]!.text).toBe(receiver.all[0]!.text);
  expect((await world.api.post(`${HOOKS}/${id}/deliveries/${randomUUID()}/redeliver`, {})).status).toBe(404);
});

test('after a DELETE the webhook gets no delivery, and the API no longer shows it', async () => {
  const { id } = await subscribe();
  expect((await remove(id)).status).toBe(200);
  const executionId = await run();
  const other = await subscribe({ event_types: ['WorkflowStarted'] });
  const later = await world.api.start({ ...START, auto_execute: false });
  await eventually(() => expect(takenOf(later)).toHaveLength(1));
  expect(takenOf(executionId)).toEqual([]);
  for (const path of [`${HOOKS}/${id}`, `${HOOKS}/${id}/deliveries`])
    expect((await world.api.get(path)).status).toBe(404);
  expect((await remove(id)).status).toBe(404);
  expect((await world.api.get(HOOKS)).body.data.webhooks.map((each: { id: string }) => each.id)).toEqual([other.id]);
});

test('during a rotation both secrets sign; then the new one alone', async () => {
  const { id, secret } = await subscribe({ event_types: ['WorkflowStarted'] });
  const rotated = await world.api.post(`${HOOKS}/${id}/secrets`, { overlap_seconds: 3600, actor_id: 'ann' });
  expect(rotated.status).toBe(201);
  const second = rotated.body.data.secret;
  expect(second).not.toBe(secret);
  expect((await shown(id)).secrets).toMatchObject([{ expires_at: null }, { expires_at: expect.any(String) }]);
  await world.api.start({ ...START, auto_execute: false });
  const [both] = await eventually(() => (receiver.all.length > 0 ? receiver.all : false));
  expect([verify(secret, both!), verify(second, both!)]).toEqual([true, true]);
  const third = (await world.api.post(`${HOOKS}/${id}/secrets`, { overlap_seconds: 0 })).body.data.secret;
  await world.api.start({ ...START, auto_execute: false });
  await eventually(() => expect(receiver.all).toHaveLength(2));
  expect([secret, second, third].map((each) => verify(each, receiver.all[1]!))).toEqual([false, false, true]);
});

test('a rotation without overlap ends a leaked secret at once, however many secrets are valid', async () => {
  const { id, secret } = await subscribe({ event_types: ['WorkflowStarted'] });
  const rotate = (overlap_seconds: number) => world.api.post(`${HOOKS}/${id}/secrets`, { overlap_seconds });
  const others: string[] = [];
  for (let made = await rotate(3600); made.status === 201; made = await rotate(3600))
    others.push(made.body.data.secret);
  expect((await shown(id)).secrets).toHaveLength(5);
  const refused = await rotate(1);
  expect(refused).toMatchObject({ status: 400, body: { error: { code: 'TOO_MANY_SECRETS' } } });
  expect(refused.body.error.message).toContain('overlap_seconds 0');
  const last = await rotate(0);
  expect(last.status).toBe(201);
  expect((await shown(id)).secrets).toMatchObject([{ id: last.body.data.secret_id, expires_at: null }]);
  await world.api.start({ ...START, auto_execute: false });
  await eventually(() => expect(receiver.all).toHaveLength(1));
  const verified = [secret, ...others, last.body.data.secret].map((each) => verify(each, receiver.all[0]!));
  expect(verified).toEqual([...[secret, ...others].map(() => false), true]);
  // The new secret can be replaced the same way.
  expect((await rotate(0)).status).toBe(201);
});

test('a receiver that fails for too long is disabled, with a notice; enabled again, it gets what waited', async () => {
  receiver.answer(() => 500);
  const { id } = await subscribe({ event_types: ['WorkflowStarted', 'WorkflowCompleted'] });
  const executionId = await run();
  const disabled = await eventually(async () => {
    const webhook = await shown(id);
    expect(webhook.status).toBe('disabled');
    return webhook;
  });
  expect(disabled.disabled).toMatchObject({ cause: 'lasting_failure', by: { type: 'system', id: 'webhooks' } });
  expect(disabled.disabled.reason).toMatch(/^One delivery failed for 1500 ms, in \d+ attempts; the last: status 500$/);
  const { events } = await world.app.server.app.get(EventLog).read(`webhook-${id}`);
  expect(events.map(({ type }) => type)).toEqual(['WebhookSubscribed', 'WebhookDisabled']);
  await eventually(async () =>
    expect((await deliveries(id)).deliveries).toMatchObject([
      { event_type: 'WorkflowCompleted', state: 'pending', attempts: 0 },
      { event_type: 'WorkflowStarted', state: 'failed', status_code: 500 },
    ]),
  );
  const missed = await world.api.start({ ...START, auto_execute: false });
  const refused = await world.api.post(`${HOOKS}/${id}/test`, {});
  expect(refused).toMatchObject({ status: 409, body: { error: { details: { current_state: 'disabled' } } } });

  receiver.answer(() => 204);
  expect((await world.api.post(`${HOOKS}/${id}/enable`, { actor_id: 'ann' })).body.data).toMatchObject({
    changed: true,
    webhook: { status: 'enabled', disabled: null },
  });
  await eventually(() => expect(takenOf(executionId).map(({ body }) => body.type)).toEqual(['WorkflowCompleted']));
  expect(takenOf(missed)).toEqual([]);
});

test('a 410 of the receiver disables its webhook at once; so does an operator', async () => {
  receiver.answer(() => 410);
  const gone = await subscribe({ event_types: ['WorkflowStarted'] });
  await world.api.start({ ...START, auto_execute: false });
  await eventually(async () => expect((await shown(gone.id)).disabled).toMatchObject({ cause: 'gone' }));
  expect(receiver.all).toHaveLength(1);
  const other = await subscribe();
  const reason = 'moving house';
  const answered = await world.api.post(`${HOOKS}/${other.id}/disable`, { actor_id: 'ann', reason });
  const by = { type: 'user', id: 'ann' };
  expect(answered.body.data.webhook).toMatchObject({ status: 'disabled', disabled: { cause: 'operator', reason, by } });
});

test('a test event is delivered, and the list of deliveries shows the receiver’s answer', async () => {
  receiver.answer((_received, response) => {
    response.statusCode = 201;
    response.write('welcome');
    return 201;
  });
  const { id, secret } = await subscribe({ event_types: ['WorkflowFailed'] });
  expect((await world.api.post(`${HOOKS}/${id}/test`, { reason: 'to see' })).status).toBe(202);
  await eventually(async () =>
    expect((await deliveries(id)).deliveries).toMatchObject([
      { event_type: 'WebhookTested', execution_id: null, state: 'delivered', response_excerpt: 'welcome' },
    ]),
  );
  const [ping] = receiver.all;
  expect(ping!.body).toMatchObject({ type: 'WebhookTested', data: { webhook_id: id, reason: 'to see' } });
  expect(verify(secret, ping!)).toBe(true);
});

test('the sender does not follow a redirect', async () => {
  receiver.answer(({ path }, response) => {
    response.setHeader('location', '/elsewhere');
    return path.startsWith('/hook') ? 307 : 204;
  });
  const { id } = await subscribe({ event_types: ['WorkflowStarted'] });
  await world.api.start({ ...START, auto_execute: false });
  await eventually(async () => expect((await deliveries(id)).deliveries).toMatchObject([{ status_code: 307 }]));
  expect(receiver.all.filter(({ path }) => !path.startsWith('/hook'))).toEqual([]);
});

test('a repeated request with one Idempotency-Key makes one webhook with one secret; a different request under that key is refused', async () => {
  const headers = { 'idempotency-key': randomUUID() };
  const body = { url: `${receiver.url}/x`, event_types: ['Step*'] };
  const [one, two] = [await world.api.post(HOOKS, body, headers), await world.api.post(HOOKS, body, headers)];
  expect(two.body.data).toMatchObject({ id: one.body.data.id, secret: one.body.data.secret, changed: false });
  const other = await world.api.post(HOOKS, { ...body, event_types: ['Workflow*'] }, headers);
  expect(other).toMatchObject({ status: 422, body: { error: { code: 'IDEMPOTENCY_KEY_REUSED' } } });
});

test.each([
  ['an event type that does not exist', { event_types: ['StepCompletd'] }, 'UNKNOWN_EVENT_TYPES'],
  ['a prefix of no event type', { event_types: ['Foo*'] }, 'UNKNOWN_EVENT_TYPES'],
  ['a scheme other than HTTP', { url: 'ftp://example.com/' }, 'TARGET_NOT_ALLOWED'],
  ['a password', { url: 'https://ann:secret@example.com/' }, 'TARGET_NOT_ALLOWED'],
  ['no URL', { url: 'example.com' }, 'TARGET_NOT_ALLOWED'],
  ['an unknown field', { events: [] }, 'INVALID_REQUEST'],
])('%s is refused', async (_, body, code) => {
  const refused = await world.api.post(HOOKS, { url: 'https://example.com/', ...body });
  expect(refused).toMatchObject({ status: 400, body: { error: { code } } });
  expect(JSON.stringify(refused.body)).not.toContain('ann:secret');
});

test('receivers that hang delay no other webhook, neither on their own host nor on others', async () => {
  const elsewhere = await startReceiver(() => 204);
  const forEver = new Promise<number>(() => undefined);
  receiver.answer(({ path }) => (path.startsWith('/hanging') ? forEver : 204));
  const types = ['WorkflowStarted'];
  const hooks = (url: string, many: number) =>
    Promise.all(Array.from({ length: many }, (_, n) => subscribe({ url: `${url}/hanging/${n}`, event_types: types })));
  const start = () => world.api.start({ ...START, auto_execute: false });
  await hooks(elsewhere.url, 9);
  await start();
  await eventually(() => elsewhere.taken().length === 9);
  // Nine receivers stop answering, and five on the host of the healthy receiver never answer.
  elsewhere.answer(() => forEver);
  await hooks(receiver.url, 5);
  await subscribe({ url: `${receiver.url}/healthy`, event_types: types });
  const ids = await Promise.all(Array.from({ length: 32 }, start));
  // The sender gives up a hanging attempt after a minute at the earliest.
  await eventually(() => {
    const arrived = receiver.taken().filter(({ path }) => path === '/healthy');
    expect(arrived.map(({ body }) => body.data.execution_id).sort()).toEqual([...ids].sort());
  });
  await elsewhere.close();
}, 60_000);
