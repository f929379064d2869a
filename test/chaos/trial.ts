/** The world of a trial: a directory, a Postgres, two instances, an agent, and the place of the event log. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { findRunningNode } from '../../src/infrastructure/embedded-eventstore/index.js';
import { startEmbeddedPostgres } from '../../src/infrastructure/embedded-postgres/embedded-postgres.js';
import { isAlive } from '../../src/infrastructure/embedded-postgres/pid-file.js';
import { startChild } from '../support/child.js';
import { startFaultProxy } from '../support/fault-proxy.js';
import { FaultyServer } from '../support/faulty-server/server.js';
import type { Targets } from './faults.js';
import type { Ledger } from './ledger.js';
import { Observer } from './observer.js';
import { quietPort, Victim } from './processes.js';
import type { Random } from './random.js';

const dist = (file: string) => new URL(`../../dist/${file}`, import.meta.url);

const QUICK_MS = 6_000;
const PATIENT_MS = 45_000;
const RETRY_AFTER_LIMIT_S = 5;
/** Later than an instance waits for the answer to an append. */
const LATE_MS = 6_000;
export const DOCUMENT_TYPE = 'chaos';
/** I18: the longest remaining wait (each step may be in the delay before its last attempt), and a minute. */
export const REST_LIMIT_MS = 2 * (QUICK_MS + RETRY_AFTER_LIMIT_S * 1_000) + PATIENT_MS + 60_000;

const DEFINITION = {
  name: 'chaos-generation',
  document_type: DOCUMENT_TYPE,
  steps: [
    { name: 'draft', agent: 'chaos', timeout_minutes: QUICK_MS / 60_000 },
    { name: 'review', agent: 'chaos', required: false, retry_on_failure: false, timeout_minutes: QUICK_MS / 60_000 },
    { name: 'publish', agent: 'chaos', max_retries: 5, timeout_minutes: PATIENT_MS / 60_000 },
  ],
};

export type Trial = Awaited<ReturnType<typeof openTrial>>;

export const openTrial = async (seed: number, random: Random) => {
  const dir = await mkdtemp(path.join(tmpdir(), 'workflow-executor-chaos-'));
  await writeFile(path.join(dir, 'chaos.json'), JSON.stringify(DEFINITION));
  const dataDir = path.join(dir, 'data');
  const home = path.join(dataDir, 'postgres');
  const postgres = await startEmbeddedPostgres({ dataDir: home, settings: { max_connections: '200' } });
  const observer = new Observer(postgres.url);
  const agent = startChild(new URL('./faulty-agent.ts', import.meta.url), [String(seed), String(QUICK_MS + 1_000)]);
  const [, desk, agentUrl] = await agent.printed(/desk=(\S+) agent=(\S+)/, { deadlineMs: 30_000 });
  const ports = [await quietPort(random), await quietPort(random)];
  const env = {
    ...{ DATA_DIR: dataDir, DEFINITIONS_DIR: dir, AGENT_CHAOS_URL: `${agentUrl}/run`, LOG_LEVEL: 'debug' },
    ...{
      AGENT_MAX_RETRY_AFTER_SECONDS: String(RETRY_AFTER_LIMIT_S),
      AGENT_MAX_RESPONSE_BYTES: String(4 * 1024 * 1024),
    },
    // At rest the tables are at the end of the log: a signed checkpoint would move the end.
    ...{ SHUTDOWN_GRACE_MS: '3000', AUDIT_CHECKPOINT_MS: '3600000' },
  };
  const instances = ports.map(
    (port, index) =>
      new Victim(`instance ${index + 1}`, dist('main.js'), /The API is at/, {
        ...env,
        PORT: String(port),
      }),
  );
  const targets: Targets = {
    instances,
    node: undefined,
    restartPostgres: async () => {
      // A server that is down already needs no end.
      const file = await readFile(path.join(home, 'cluster', 'postmaster.pid'), 'utf8').catch(() => '');
      const pid = Number(file.split('\n')[0]);
      if (pid > 1 && isAlive(pid)) process.kill(pid, 'SIGQUIT');
    },
    cutWriter: async () => {
      await observer.query(
        `select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'embedded-eventstore writer'`,
      );
    },
  };

  /** From now on the event node is a process of its own, which the instances reach over a bad line and then a faulty server. */
  const moveNodeOut = async (): Promise<Targets> => {
    const port = await quietPort(random);
    const faulty = await FaultyServer.start({ host: '127.0.0.1', port }, { lateMs: LATE_MS });
    const proxy = await startFaultProxy({ port: faulty.port });
    const nodeEnv = {
      ...process.env,
      DATABASE_URL: postgres.url,
      PORT: String(port),
      DATA_DIR: path.join(dir, 'node'),
    };
    const victim = new Victim('event node', dist('infrastructure/embedded-eventstore/main.js'), /is ready/, nodeEnv);
    await Promise.all(instances.map((instance) => instance.end('SIGTERM')));
    await victim.startSomehow();
    const url = new URL((await findRunningNode(postgres.url)) ?? '');
    url.port = String(proxy.port);
    const outside = { ...env, EVENTSTORE_URL: url.href };
    await Promise.all(instances.map((one, index) => one.startSomehow({ ...outside, PORT: String(ports[index]) })));
    return { ...targets, node: { victim, proxy, faulty } };
  };

  return {
    dir,
    observer,
    databaseUrl: postgres.url,
    targets,
    urls: ports.map((port) => `http://127.0.0.1:${port}`),
    begin: async () => {
      for (const instance of instances) await instance.start();
    },
    moveNodeOut,
    calm: () => fetch(`${desk}/calm`, { method: 'POST' }),
    ledger: async () => (await (await fetch(`${desk}/ledger`)).json()) as Ledger,
    close: async (node: Targets['node'], keep: boolean) => {
      for (const instance of instances) await instance.end('SIGTERM');
      await node?.victim.end('SIGTERM');
      await node?.proxy.close();
      await node?.faulty.close();
      await agent.kill('SIGKILL');
      await observer.close();
      await postgres.stop();
      if (!keep) await rm(dir, { recursive: true, force: true });
    },
  };
};
