/** `npm run watch` against a real application, piped. */
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { follow, FOLLOW_LIMITS } from '../../src/interfaces/cli/watch/follow.js';
import { bundled, startChild } from '../support/child.js';
import { eventually } from '../support/eventually.js';
import { startFaultProxy } from '../support/fault-proxy.js';
import { scriptedApp } from './support/scripted-app.js';

const WATCH = bundled(new URL('../../dist/interfaces/cli/watch/main.js', import.meta.url));

const world = scriptedApp();

const start = (project: string, more: object = {}) =>
  world.api.start({ project_id: project, document_type: 'ib', triggered_by: 'ann', ...more });

const watch = (...args: string[]) => {
  const child = startChild(WATCH, args);
  const ended = once(child.process, 'close').then(([code]) => code as number);
  return { child, ended };
};

test('watch prints a line for each event and exits with 0 when the execution completes', async () => {
  const id = await start('p-1', { auto_execute: false });
  const { child, ended } = watch(id, '--url', world.api.url);
  await child.printed(/0 % {2}created/);
  await world.api.post('/api/v1/workflow/execute', { execution_id: id, mode: 'remaining' });
  expect(await ended).toBe(0);
  const output = child.output();
  expect(output).toContain(`ib-generation  ${id}  project p-1`);
  expect(output).toMatch(/^100 % {2}completed {5}\d\d:\d\d:\d\d {2}WorkflowCompleted$/m);
  expect(output.trimEnd().split('\n').at(-1)).toBe('Execution completed, 100 %');
  expect(output).not.toContain('\x1b');
  // An execution that has ended has only its snapshot to show.
  const again = watch(id, '--url', world.api.url);
  expect(await again.ended).toBe(0);
  expect(again.child.output()).toMatch(/✔ export {4}completed/);
});

test('watch exits with 1 when the execution fails, with the reason, or is cancelled', async () => {
  world.agents.scripts.set('p-fail', { compose: 'validation' });
  const failing = watch(await start('p-fail'), '--url', world.api.url);
  expect(await failing.ended).toBe(1);
  expect(failing.child.output()).toMatch(/Execution failed, \d+ %\n$/);
  expect(failing.child.output()).toContain('validation');

  world.agents.scripts.set('p-later', { enrich: 'later' });
  const waiting = await start('p-later');
  await eventually(async () => expect((await world.api.details(waiting)).steps[0].status).toBe('waiting'));
  const cancelled = watch(waiting, '--url', world.api.url);
  await cancelled.child.printed(/↻ enrich .* next attempt in (9|10) min/);
  await world.api.control(waiting, 'cancel', { reason: 'enough' });
  expect(await cancelled.ended).toBe(1);
});

test('watch exits with 2 for unknown executions and wrong usage, and prints what it expected', async () => {
  const unknown = watch(randomUUID(), '--url', world.api.url);
  expect(await unknown.ended).toBe(2);
  expect(unknown.child.output()).toContain('NOT_FOUND: There is no execution');
  for (const args of [[], ['nonsense'], [randomUUID(), '--url', 'ftp://x'], ['--colour']]) {
    const wrong = watch(...args);
    expect(await wrong.ended).toBe(2);
    expect(wrong.child.output()).toMatch(/Expected|Unknown option/);
  }
  const help = watch('--help');
  expect(await help.ended).toBe(0);
});

test('watch that is cut off says so, reconnects and shows each event once', async () => {
  const proxy = await startFaultProxy({ port: Number(new URL(world.api.url).port) });
  try {
    world.agents.scripts.set('p-cut', { write: 'hold' });
    const id = await start('p-cut');
    const { child, ended } = watch(id, '--url', `http://127.0.0.1:${proxy.port}`);
    await child.printed(/writing/);
    proxy.refuse();
    proxy.drop();
    await child.printed(/trying again in/);
    await eventually(() => world.agents.release(id, 'write') ?? true);
    await world.api.reaches(id, 'completed');
    proxy.release();
    expect(await ended).toBe(0);
    expect(child.output()).toContain('Connected again');
    for (const step of ['validate', 'assemble', 'export'])
      expect(child.output().match(new RegExp(`StepCompleted +${step}`, 'g'))).toHaveLength(1);
  } finally {
    await proxy.close();
  }
});

test('Ctrl-C ends watch cleanly', async () => {
  world.agents.scripts.set('p-held', { enrich: 'hold' });
  const { child, ended } = watch(await start('p-held'), '--url', world.api.url);
  await child.printed(/enriching/);
  child.process.kill('SIGINT');
  expect(await ended).toBe(0);
});

test('watch that a server turns away says why, waits longer each time, and follows once it is accepted', async () => {
  const id = await start('p-1', { auto_execute: false });
  const [asked, troubles]: [number[], (string | null)[]] = [[], []];
  const server = createServer((_request, response) => {
    asked.push(performance.now());
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    if (asked.length <= 3)
      return void response.end('retry: 1\n\nevent: closing\ndata: {"reason":"full","message":"Too many"}\n\n');
    response.end(`event: end\ndata: {"reason":"completed"}\n\n`);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const limits = { ...FOLLOW_LIMITS, firstPauseMs: 20 };
  const connection = (trouble: string | null) => void troubles.push(trouble);
  const { signal } = new AbortController();
  await follow(`http://127.0.0.1:${port}/${id}`, { message: () => undefined, connection }, signal, { limits });
  expect(troubles).toEqual([
    ...[0.02, 0.04, 0.08].map((pause) => `Too many; trying again in ${pause.toFixed(1)} s`),
    null,
  ]);
  server.close();
});
