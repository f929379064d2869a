/** Restate: its server with a service of this process, called over its HTTP ingress; every step is an entry of its journal. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { createRequire } from 'node:module';
import * as restate from '@restatedev/restate-sdk';
import { setTimeout as pause } from 'node:timers/promises';
import { Pool, request } from 'undici';
import type { Setup, Start } from '../contender.js';
import { byWorkflow } from '../rows.js';
import { stepsOf } from '../step.js';
import { stepName, STEPS, workflowName } from '../work.mjs';

const SERVICE = 'bench';
const START_TIMEOUT_MS = 60_000;

/** Its SDK takes this from Node 22. */
Promise.withResolvers ??= <Result>() => {
  let [resolve, reject]: ((value: never) => void)[] = [];
  const promise = new Promise<Result>((...both) => ([resolve, reject] = both));
  return { promise, resolve: resolve!, reject: reject! };
};

export const start: Start = async (setup) => {
  const steps = stepsOf(setup);
  const bench = restate.workflow({
    name: SERVICE,
    handlers: {
      run: async (context: restate.WorkflowContext, number: number) => {
        for (let step = 0; step < STEPS; step++) await context.run(stepName(step), () => steps.run(number, step));
      },
    },
  });
  const [ingress, admin, node, service] = [await freePort(), await freePort(), await freePort(), await freePort()];
  const server = await startServer(setup, { ingress, admin, node });
  await restate.serve({ services: [bench], port: service });
  const control = new Pool(`http://127.0.0.1:${admin}`);
  await post(control, '/deployments', { uri: `http://127.0.0.1:${service}` });
  const pool = new Pool(`http://127.0.0.1:${ingress}`, { connections: setup.inFlight, keepAliveTimeout: 600_000 });
  return {
    run: async (number) => void (await post(pool, `/${SERVICE}/${workflowName(number)}/run`, number)),
    stored: async () => {
      const results: JournalRow[] = [];
      for (let digit = 0; digit <= 9; digit++)
        // not all in one text
        results.push(...((await post(control, '/query', { query: journal(digit) })) as { rows: JournalRow[] }).rows);
      return byWorkflow(results.map((row) => ({ ...row, result: resultIn(row) })));
    },
    pids: [process.pid, server.pid],
    stop: async () => {
      await pool.close();
      await control.close();
      await server.stop();
      await steps.close();
    },
  };
};

type JournalRow = Readonly<{ name: string; step: number; entry: string }>;

/** Of completed workflows whose number ends in this digit: what their steps returned. */
const journal = (digit: number) => `
  select target_service_key as name, journal.index as step, journal.entry_json as entry
  from sys_invocation as invocation join sys_journal as journal on journal.id = invocation.id
  where invocation.status = 'completed' and invocation.completion_result = 'success'
    and target_service_key like '%${digit}' and journal.entry_json like '{"Notification":{"Completion":{"Run"%'`;

type Notification = { Notification: { Completion: { Run: { result: { Success: number[] } } } } };

/** Its JSON has bytes as numbers; they are the JSON of what the step returned. */
const resultIn = ({ entry }: JournalRow): unknown =>
  JSON.parse(
    Buffer.from((JSON.parse(entry) as Notification).Notification.Completion.Run.result.Success).toString('utf8'),
  );

const post = async (pool: Pool, path: string, value: unknown): Promise<unknown> => {
  const headers = { 'content-type': 'application/json', accept: 'application/json' };
  const answer = await pool.request({ method: 'POST', path, headers, body: JSON.stringify(value) });
  const text = await answer.body.text();
  if (answer.statusCode >= 300) throw new Error(`Restate answered ${answer.statusCode} to ${path}: ${text}`);
  return text === '' ? undefined : JSON.parse(text);
};

type Ports = Readonly<{ ingress: number; admin: number; node: number }>;

const startServer = async ({ directory }: Setup, ports: Ports) => {
  const platform = `@restatedev/restate-server-${process.platform}-${process.arch}`;
  const program = createRequire(import.meta.url).resolve(`${platform}/bin/restate-server`);
  const env = {
    ...process.env,
    RESTATE_BASE_DIR: directory,
    RESTATE_LISTEN_MODE: 'tcp',
    RESTATE_BIND_ADDRESS: `127.0.0.1:${ports.node}`,
    RESTATE_INGRESS__BIND_ADDRESS: `127.0.0.1:${ports.ingress}`,
    RESTATE_ADMIN__BIND_ADDRESS: `127.0.0.1:${ports.admin}`,
    RESTATE_DISABLE_TELEMETRY: 'true',
    RESTATE_ADMIN__DISABLE_WEB_UI: 'true',
    RESTATE_LOG_FILTER: 'error,octocrab=off',
  };
  const child = spawn(program, ['--no-logo'], { env, stdio: ['ignore', 'ignore', 'inherit'] });
  const exited = once(child, 'exit');
  process.once('exit', () => child.kill('SIGKILL'));
  await ready(ports.admin);
  await ready(ports.ingress, '/restate/health');
  return {
    pid: child.pid!,
    stop: async () => {
      child.kill('SIGKILL'); // its data goes with it
      await exited;
    },
  };
};

const freePort = async (): Promise<number> => {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
};

/** Until its node says that it has what it serves. */
const ready = async (port: number, path = '/health'): Promise<void> => {
  for (const end = performance.now() + START_TIMEOUT_MS; ; await pause(50)) {
    if (performance.now() > end) throw new Error(`Nothing listens on port ${port}`);
    const answer = await request(`http://127.0.0.1:${port}${path}`).catch(() => undefined);
    await answer?.body.dump();
    if (answer?.statusCode === 200) return;
  }
};
