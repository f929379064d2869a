/** The verbs of `workflow` that go over HTTP, against a real application; and `workflow` itself as a program. */
import { execFile, execFileSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { VERBS } from '../../src/interfaces/cli/workflow/verbs.js';
import { captured } from '../interfaces/cli/workflow/capture.js';
import { bundled } from '../support/child.js';
import { eventually } from '../support/eventually.js';
import { scriptedApp } from './support/scripted-app.js';

const WORKFLOW = fileURLToPath(bundled(new URL('../../dist/interfaces/cli/workflow/main.js', import.meta.url)));

const world = scriptedApp({ WEBHOOK_ALLOW_PRIVATE_TARGETS: 'true' });
let folder = '';
beforeAll(async () => void (folder = await mkdtemp(path.join(tmpdir(), 'workflow-'))));
afterAll(() => rm(folder, { recursive: true }));

/** In this process, as each of them would take a second of its own. */
const verb = async (name: string, ...args: readonly string[]) => {
  const { run } = VERBS.find((each) => each.name === name)!;
  const { result, output } = await captured(() => run!([...args, '--url', world.api.url]));
  return { code: result, output, json: () => JSON.parse(output) };
};

const asProgram = (...args: readonly string[]): Promise<{ code: number; output: string; error: string }> =>
  new Promise((resolve) => {
    const env = { PATH: process.env['PATH'], HOME: folder, WORKFLOW_URL: world.api.url };
    execFile(process.execPath, [WORKFLOW, ...args], { cwd: folder, env, timeout: 50_000 }, (failure, output, error) =>
      resolve({ code: failure ? Number(failure.code ?? -1) : 0, output, error }),
    );
  });

test('an execution is started, waited for, listed, shown and told event by event', async () => {
  const started = await verb('start', '--project', 'p-1', '--type', 'ib', '--metadata', '{"a": 1}', '--wait', '--json');
  expect(started.code).toBe(0);
  const { execution } = started.json();
  expect(execution).toMatchObject({ current_state: 'completed', project_id: 'p-1', metadata: { a: 1 } });

  const got = await verb('get', execution.id, '--events');
  expect(got.output).toMatch(/^\S+ {2}completed +100 %/);
  expect(got.output).toMatch(/completed {4}export {2}attempt 1/);
  expect(got.output).toContain('WorkflowCompleted');

  await verb('start', '--project', 'p-1', '--type', 'ib', '--hold');
  const page = (await verb('list', '--project', 'p-1', '--limit', '1', '--json')).json();
  expect(page.executions).toHaveLength(1);
  await eventually(async () => {
    const all = (await verb('list', '--project', 'p-1', '--all', '--json')).output.trim().split('\n');
    expect(all.map((line) => JSON.parse(line).current_state)).toEqual(['created', 'completed']);
  });

  const events = (await verb('events', execution.id, '--json')).output.trim().split('\n');
  const types = events.map((line) => JSON.parse(line).event_type as string);
  expect([types[0], types.at(-1)]).toEqual(['WorkflowStarted', 'WorkflowCompleted']);
  expect((await verb('events', execution.id, '--type', 'WorkflowStarted')).output.trim().split('\n')).toHaveLength(1);
  expect((await verb('definitions')).output).toMatch(/^ib {2}ib-generation: enrich \(regdata\), /);
});

test('a start that is repeated under its key starts nothing more', async () => {
  const again = () => verb('start', '--project', 'p-2', '--type', 'ib', '--hold', '--idempotency-key', 'once');
  expect((await again()).output).toBe((await again()).output);
});

test('an execution that is held is run step by step, paused, resumed and cancelled, and the events name who did it', async () => {
  const id = (await verb('start', '--project', 'p-3', '--type', 'ib', '--hold')).output.trim();
  await verb('execute', id, '--mode', 'next_step', '--by', 'ann');
  await world.api.reaches(id, 'enriched');
  expect((await verb('pause', id, '--by', 'ann', '--reason', 'new data')).output).toContain('paused');
  expect((await verb('resume', id, '--by', 'ann')).code).toBe(0);
  await expect(verb('cancel', id, '--if-revision', '0')).rejects.toMatchObject({ status: 412 });
  expect((await verb('cancel', id, '--reason', 'enough')).output).toContain('cancelled');
  const paused = (await verb('events', id, '--type', 'WorkflowPaused', '--json')).json();
  expect(paused).toMatchObject({ actor: { id: 'ann' }, reason: 'new data' });
});

test('a retry finds the step that failed, or the one that is named', async () => {
  world.agents.scripts.set('p-4', { compose: 'validation' });
  const started = await verb('start', '--project', 'p-4', '--type', 'ib', '--wait');
  expect(started.code).toBe(1);
  const [id = ''] = started.output.split('\n');
  await expect(verb('retry', id, '--step', 'nonsense')).rejects.toThrow(/Expected a step.*compose \(failed\)/);
  world.agents.scripts.delete('p-4');
  expect((await verb('retry', id)).code).toBe(0);
  await world.api.reaches(id, 'completed');
});

test('a webhook is made, shown, disabled, given another secret and removed', async () => {
  const made = await verb('webhooks', 'create', '--to', 'http://127.0.0.1:9/hook', '--event', 'Step*', '--json');
  const { id, secret } = made.json();
  expect(secret).toMatch(/^whsec_/);
  expect((await verb('webhooks', 'list')).output).toMatch(
    new RegExp(`^${id} {2}\\w+ +http://127.0.0.1:9/hook {2}Step\\* `),
  );
  expect((await verb('webhooks', 'disable', id, '--json')).json().webhook.status).toBe('disabled');
  expect((await verb('webhooks', 'secret', id, '--overlap-seconds', '0')).output).toMatch(/shown this once: whsec_/);
  expect((await verb('webhooks', 'get', id)).output).not.toContain('whsec_');
  expect((await verb('webhooks', 'deliveries', id, '--json')).json()).toEqual({ deliveries: [], next_cursor: null });
  await expect(verb('webhooks', 'redeliver', id, randomUUID())).rejects.toMatchObject({ status: 409 });
  expect((await verb('webhooks', 'remove', id)).output).toBe(`${id} is removed\n`);
});

test('an audit pack is downloaded whole, is not written over, and is verified offline', async () => {
  const id = (await verb('start', '--project', 'p-5', '--type', 'ib', '--wait')).output.split('\n')[0]!;
  const file = path.join(folder, 'pack.zip');
  expect((await verb('pack', id, '--out', file)).output.split('\n')[0]).toBe(file);
  expect((await stat(file)).size).toBeGreaterThan(1_000);
  await expect(verb('pack', id, '--out', file)).rejects.toThrow('is there already');
  await expect(verb('pack', randomUUID(), '--out', path.join(folder, 'none.zip'))).rejects.toMatchObject({
    status: 404,
  });
  expect(await readdir(folder)).toEqual(['pack.zip']);
  const verified = await asProgram('verify', file);
  expect(verified).toMatchObject({ code: 2, output: expect.stringMatching(/proved: .*NOT PROVEN: whose key/s) });
  await writeFile(file, 'nonsense');
  expect(await asProgram('verify', file)).toMatchObject({ code: 1, output: expect.stringContaining('FAILED') });
});

test('the program ends with the code that its help tells', async () => {
  expect(await asProgram('list', '--json')).toMatchObject({ code: 0, error: '' });
  expect(await asProgram('get', randomUUID())).toMatchObject({
    ...{ code: 3, output: '', error: expect.stringMatching(/^NOT_FOUND: /) },
  });
  const unreachable = await asProgram('list', '--url', 'http://127.0.0.1:1', '--json');
  expect(unreachable.code).toBe(4);
  expect(JSON.parse(unreachable.error)).toMatchObject({
    error: { exit: 4, message: expect.stringMatching(/ECONNREFUSED/) },
  });
  expect(await asProgram('lsit')).toMatchObject({ code: 2, error: expect.stringContaining('got "lsit"') });
  expect((await asProgram()).code).toBe(2);
  const { version } = JSON.parse(execFileSync('cat', ['package.json'], { encoding: 'utf8' })) as { version: string };
  expect(await asProgram('--version')).toEqual({ code: 0, output: `${version}\n`, error: '' });
  expect(await asProgram('watch', randomUUID())).toMatchObject({
    code: 2,
    error: expect.stringContaining('NOT_FOUND'),
  });
}, 60_000);

test('what answers and is not the API is not taken for it', async () => {
  const other = createServer((_request, response) => response.end('<html>')).listen(0, '127.0.0.1');
  await once(other, 'listening');
  const url = `http://127.0.0.1:${(other.address() as AddressInfo).port}`;
  const { code, error } = await asProgram('list', '--url', url);
  other.close();
  expect({ code, error }).toEqual({
    code: 4,
    error: expect.stringContaining('that is not the API: check the address'),
  });
});
