/** A single message must not stop an instance: whatever a client or an agent sends, it answers others meanwhile. */
import { rm } from 'node:fs/promises';
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { streamNameFilter } from '@eventstore/db-client';
import { closeClient } from '../infrastructure/embedded-eventstore/server-under-test.js';
import { connect } from '../../src/infrastructure/eventstore/connect.js';
import { findRunningNode } from '../../src/infrastructure/embedded-eventstore/register.js';
import { createTestDatabase, type TestDatabase } from '../support/postgres.js';
import { send } from '../interfaces/http/send.js';
import { definitionsDir } from './support/definitions.js';
import { startInstance, type Instance } from './support/instance.js';
import { pulseDuring } from './support/pulse.js';

const MIB = 1024 * 1024;
/** The instance answers others within a second; busy test machines get half a second more. */
const WORST_MS = 1_500;

/** JSON text of that many bytes, nearly all of which are members. */
const members = (before: string, after: string, bytes: number): string =>
  `${before}${'[],'.repeat(Math.floor((bytes - before.length - after.length - 2) / 3))}[]${after}`;

const nodeUrl = async (databaseUrl: string): Promise<string> => {
  const url = await findRunningNode(databaseUrl);
  if (url === undefined) throw new Error('Expected an event node to run');
  return url;
};

describe('a message', () => {
  let database: TestDatabase;
  let definitions: string;
  let agent: Server;
  let instance: Instance;
  const called = new Map<string, IncomingHttpHeaders>();

  beforeAll(async () => {
    agent = createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        const { project_id: project } = JSON.parse(Buffer.concat(chunks).toString());
        called.set(project, request.headers);
        response.setHeader('content-type', 'application/json');
        if (project === 'many') response.end(members('{"success":true,"data":{"a":[', ']}}', 15 * MIB));
        else if (project === 'text') response.end(`{"success":true,"data":{"a":"${'x'.repeat(15 * MIB)}"}}`);
        else response.writeHead(202).end(JSON.stringify({ task_token: request.headers['x-task-token'] }));
      });
    });
    await new Promise<void>((resolve) => agent.listen(0, '127.0.0.1', resolve));
    database = await createTestDatabase();
    definitions = await definitionsDir([{ name: 'one', agent: 'writer', max_retries: 0 }]);
    instance = await startInstance({
      DATABASE_URL: database.url,
      DEFINITIONS_DIR: definitions,
      AGENT_BASE_URL: `http://127.0.0.1:${(agent.address() as AddressInfo).port}`,
    });
  });
  afterAll(async () => {
    await instance?.child.kill('SIGTERM');
    agent?.closeAllConnections();
    agent?.close();
    await database?.drop();
    await rm(definitions, { recursive: true, force: true });
  });

  const start = (project: string) => instance.api.start({ project_id: project, document_type: 'test' });
  const post = (path: string, body: string) =>
    send(instance.api.url, { method: 'POST', path, headers: { 'Content-Type': 'application/json' }, body });
  const taskPath = async (project: string) => {
    const id = await start(project);
    await instance.api.reaches(id, 'one_running');
    for (;;) {
      const token = called.get(project)?.['x-task-token'];
      if (token) return { id, path: `/api/v1/workflow/tasks/${String(token)}` };
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  };

  test('of 15 MB with millions of members, as a report, is refused while the instance answers others', async () => {
    const { path } = await taskPath('reporter');
    const body = members('{"type":"complete","data":{"a":[', ']}}', 15 * MIB);
    const { worstMs, beats } = await pulseDuring(instance.api.url, async () => {
      const answers = await Promise.all([1, 2, 3].map(() => post(path, body)));
      expect(answers.map(({ status, json }) => [status, json.error.code])).toEqual(
        Array.from({ length: 3 }, () => [413, 'BODY_TOO_LARGE']),
      );
    });
    expect(beats).toBeGreaterThan(1);
    expect(worstMs).toBeLessThan(WORST_MS);
  });

  test('of 1 MB with hundreds of thousands of members, as a request, is refused while the instance answers others', async () => {
    const body = members('{"metadata":{"a":[', ']}}', MIB);
    const { worstMs } = await pulseDuring(instance.api.url, async () => {
      const answers = await Promise.all(Array.from({ length: 10 }, () => post('/api/v1/workflow/start', body)));
      expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([413]));
    });
    expect(worstMs).toBeLessThan(WORST_MS);
  });

  test('of 15 MB with millions of members, as an answer, is an invalid answer', async () => {
    const { worstMs } = await pulseDuring(instance.api.url, async () => {
      const { execution } = await instance.api.reaches(await start('many'), 'failed', 60_000);
      expect(execution).toMatchObject({
        error_code: 'INVALID_ANSWER',
        error_message: expect.stringContaining('more than 100000 members'),
      });
    });
    expect(worstMs).toBeLessThan(WORST_MS);
  });

  test('of 15 MB with few members is an answer and a report like any other', async () => {
    const { worstMs } = await pulseDuring(instance.api.url, async () => {
      await instance.api.reaches(await start('text'), 'completed', 60_000);
      const { id, path } = await taskPath('later');
      const { status } = await post(path, `{"type":"complete","data":{"a":"${'x'.repeat(15 * MIB)}"}}`);
      expect(status).toBe(200);
      await instance.api.reaches(id, 'completed');
    });
    expect(worstMs).toBeLessThan(WORST_MS);
  });

  test('to the application’s own agents without its token is refused', async () => {
    const { status, json } = await post('/api/v1/enrich', '{}');
    expect([status, json.error.code]).toEqual([403, 'FORBIDDEN']);
    expect(called.get('many')).not.toHaveProperty('x-installation-token');
  });

  test('of 15 MB, sent several times at once, does not keep the instance from ending in time after SIGTERM', async () => {
    const node = connect(await nodeUrl(database.url));
    const search = { filter: streamNameFilter({ regex: '([a-w]*-){30}nobody' }) };
    for (let times = 0; times < 20; times += 1) node.subscribeToAll(search).on('error', () => undefined);
    const body = members('{"type":"complete","data":{"a":[', ']}}', 15 * MIB);
    const { path } = await taskPath('late');
    const asked = Promise.allSettled([1, 2, 3].map(() => post(path, body)));
    const begin = performance.now();
    await instance.child.kill('SIGTERM');
    expect(performance.now() - begin).toBeLessThan(25_000);
    await asked;
    await closeClient(node);
  });
});
