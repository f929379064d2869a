import request from 'supertest';
import { startHttp, type HttpWorld } from './http-app.js';

const INPUT = {
  execution_id: '11111111-1111-4111-8111-111111111111',
  project_id: 'p1',
  document_type: 'ib',
  step: 'enrich',
  attempt: 2,
  metadata: { language: 'en' },
  checkpoint: { last_completed_step: 'enrich', intermediate_results: { facts: [{ id: 'f1' }] } },
};

describe('document agents over HTTP', () => {
  let world: HttpWorld;
  beforeAll(async () => (world = await startHttp()));
  afterAll(() => world.finish());

  test.each([
    ['enrich', 'regdata'],
    ['compose', 'composer'],
    ['write', 'writer'],
    ['validate', 'validator'],
    ['assemble', 'assembler'],
    ['export', 'export'],
  ])('/api/v1/%s is agent %s', async (path, agent) => {
    const artifacts = [{ name: 'ib.pdf', content_type: 'application/pdf', content_base64: 'AAAA' }];
    world.documentAgents.result = { success: true, data: { from: agent }, metadata: { n: 1 }, artifacts };
    const { body } = await request(world.url).post(`/api/v1/${path}`).send(INPUT).expect(200);
    expect(body).toEqual(world.documentAgents.result);
    expect(world.documentAgents.calls.at(-1)).toEqual({ agent, input: INPUT });
  });

  test.each([
    ['validation', 422],
    ['transient', 503],
    ['fatal', 500],
  ] as const)('a %s error has status %d, and says its type', async (type, status) => {
    world.documentAgents.result = { success: false, error: { type, code: 'NO_FACTS', message: 'none' } };
    const { body } = await request(world.url).post('/api/v1/enrich').send(INPUT).expect(status);
    expect(body).toEqual({ success: false, error: { type, code: 'NO_FACTS', message: 'none' } });
  });

  test('what is not a call of this installation is refused before its body is read', async () => {
    world.ownCalls.token = 'ours';
    const calls = world.documentAgents.calls.length;
    for (const token of [undefined, 'theirs']) {
      const call = request(world.url).post('/api/v1/Enrich/').set('Content-Length', '30000000');
      if (token) call.set('X-Installation-Token', token);
      const { body } = await call.expect(403);
      expect(body.error.code).toBe('FORBIDDEN');
    }
    expect(world.documentAgents.calls).toHaveLength(calls);
    world.documentAgents.result = { success: true, data: {} };
    await request(world.url).post('/api/v1/enrich').set('X-Installation-Token', 'ours').send(INPUT).expect(200);
  });
});
