/** Pending deliveries outlive their instance, and instances refuse webhook addresses that are not public. */
import { startAgentServer, succeed, type AgentServer } from '../support/agent-server.js';
import { eventually } from '../support/eventually.js';
import { startReceiver, verify, type Receiver } from '../support/webhook-receiver.js';
import { openCluster, type Cluster } from './support/cluster.js';

const HOOKS = '/api/v1/workflow/webhooks';
const START = { project_id: 'p-1', document_type: 'test' };
const QUICK = { WEBHOOK_FIRST_RETRY_MS: '100', WEBHOOK_TIMEOUT_MS: '500' };

let agent: AgentServer;
let receiver: Receiver;
let cluster: Cluster;

const start = (env: Record<string, string> = { WEBHOOK_ALLOW_PRIVATE_TARGETS: 'true', ...QUICK }) => cluster.start(env);

beforeEach(async () => {
  agent = await startAgentServer(({ input }) => succeed({ [input.step]: 'done' }));
  receiver = await startReceiver();
  const steps = ['first', 'second'].map((name) => ({ name, agent: name }));
  cluster = await openCluster(steps, {
    AGENT_FIRST_URL: `${agent.url}/first`,
    AGENT_SECOND_URL: `${agent.url}/second`,
  });
});
afterEach(async () => {
  await cluster.close();
  await Promise.all([agent.close(), receiver.close()]);
});

const positionsTaken = () => receiver.taken().map(({ body }) => [body.data.execution_id, body.data.revision]);

test('a receiver that is down during a kill and a restart of the instance gets every event, in order', async () => {
  const first = await start();
  const made = await first.api.post(HOOKS, { url: `${receiver.url}/hook` });
  const { secret } = made.body.data;
  await receiver.close();
  const executions = [await first.api.start(START), await first.api.start(START), await first.api.start(START)];
  for (const id of executions) await first.api.reaches(id, 'completed');
  await first.child.kill('SIGKILL');

  const second = await start();
  const late = await second.api.start(START);
  await second.api.reaches(late, 'completed');
  receiver = await startReceiver(() => 204, receiver.port);
  for (const id of [...executions, late]) {
    const expected = (await second.api.events(id)).map(({ revision }) => [id, revision]);
    await eventually(() => expect(positionsTaken().filter(([execution]) => execution === id)).toEqual(expected), {
      deadlineMs: 60_000,
    });
  }
  expect(receiver.taken().every((each) => verify(secret, each))).toBe(true);
}, 120_000);

test('another instance repeats the attempts of a killed instance; the events of each execution stay in order', async () => {
  const [first, second] = [await start(), await start()];
  const made = await first.api.post(HOOKS, { url: `${receiver.url}/hook` });
  expect(made.status).toBe(201);
  // The instance that delivers is killed while the receiver delays its answers.
  let thinking = true;
  receiver.answer(async () => {
    await eventually(() => !thinking, { deadlineMs: 60_000 });
    return 204;
  });
  const executions = [await first.api.start(START), await first.api.start(START)];
  for (const id of executions) await first.api.reaches(id, 'completed');
  await first.child.kill('SIGKILL');
  thinking = false;
  for (const id of executions) {
    await second.api.reaches(id, 'completed', 60_000);
    const expected = (await second.api.events(id)).map(({ revision }) => [id, revision]);
    await eventually(() => expect(positionsTaken().filter(([execution]) => execution === id)).toEqual(expected), {
      deadlineMs: 60_000,
    });
  }
}, 180_000);

test('an address that is not public is refused, whether a client gives it or a name resolves to it', async () => {
  const open = { WEBHOOK_ALLOW_HTTP: 'true', WEBHOOK_ALLOWED_PORTS: `443,${receiver.port}` };
  const { api, child } = await start({ ...QUICK, ...open });
  for (const host of ['127.0.0.1', '[::1]', '0x7f.1', '169.254.169.254', '[::ffff:10.0.0.1]', '2130706433']) {
    const refused = await api.post(HOOKS, { url: `http://${host}:${receiver.port}/hook` });
    expect(refused).toMatchObject({ status: 400, body: { error: { code: 'TARGET_NOT_ALLOWED' } } });
  }
  const made = await api.post(HOOKS, { url: `http://localhost:${receiver.port}/hook?token=t0ken` });
  expect(made.status).toBe(201);
  await api.start({ ...START, auto_execute: false });
  const [delivery] = await eventually(async () => {
    const { deliveries } = (await api.get(`${HOOKS}/${made.body.data.id}/deliveries`)).body.data;
    expect(deliveries[0]?.attempts).toBeGreaterThan(0);
    return deliveries;
  });
  expect(delivery).toMatchObject({ state: 'pending', status_code: null });
  expect(delivery.error).toMatch(/^expected a host on the public internet, localhost is or leads to/);
  expect(delivery.next_attempt_at).not.toBeNull();
  expect(receiver.all).toEqual([]);
  expect(child.output()).not.toMatch(/t0ken|whsec_/);
}, 60_000);
