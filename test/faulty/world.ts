/** The application with a faulty server between it and its log, and what sees the truth behind that server. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { startEmbeddedEventStore } from '../../src/infrastructure/embedded-eventstore/index.js';
import { EventStoreDbEventLog } from '../../src/infrastructure/eventstore/eventstore-db.event-log.js';
import { Observer } from '../chaos/observer.js';
import type { Api } from '../e2e/support/api.js';
import { startTestApp } from '../e2e/support/test-app.js';
import { FaultyServer } from '../support/faulty-server/server.js';
import { createTestDatabase } from '../support/postgres.js';
import { startReceiver, type Receiver } from '../support/webhook-receiver.js';
import { startScriptedAgent, type ScriptedAgent } from './agent.js';

export const DOCUMENT_TYPE = 'test';
/** An agent that no workflow needs: it may be held while all else goes on. */
export const SPARE_AGENT = 'spare';
const LATE_MS = 1_500;

/** Each wait of the application is short here, so that a trial may outlast it. */
const QUICK = {
  APPEND_TIMEOUT_MS: '1000',
  SAGA_SWEEP_INTERVAL_MS: '200',
  WORKER_HEARTBEAT_MS: '200',
  WORKER_TIMEOUT_MS: '1000',
  AUDIT_CHECKPOINT_MS: '300',
  HEALTH_PROBE_MS: '300',
  HEALTH_STALLED_MS: '2000',
  WEBHOOK_FIRST_RETRY_MS: '100',
  WEBHOOK_ALLOW_PRIVATE_TARGETS: 'true',
  AGENT_CIRCUIT_FAILURES: '0',
};

export type World = Readonly<{
  api: Api;
  faulty: FaultyServer;
  /** The log without the faulty server. */
  truth: EventStoreDbEventLog;
  observer: Observer;
  databaseUrl: string;
  agent: ScriptedAgent;
  receiver: Receiver;
  /** Errors that would have ended the process. */
  crashes: readonly string[];
  /** Resolves when all that the faulty server has kept back is where it belongs. */
  settled: () => Promise<void>;
  /** The server ends and comes back without what was behind that position, as a leader whose last events no follower had. */
  loseTail: (after: bigint) => Promise<void>;
  close: () => Promise<void>;
}>;

export const openWorld = async (): Promise<World> => {
  const database = await createTestDatabase();
  const definitions = await mkdtemp(path.join(tmpdir(), 'faulty-definitions-'));
  await writeDefinitions(definitions);
  const [agent, receiver] = [await startScriptedAgent(), await startReceiver()];
  let node = await startEmbeddedEventStore({ databaseUrl: database.url });
  const target = { host: '127.0.0.1', port: Number(new URL(node.url).port) };
  const faulty = await FaultyServer.start(target, { lateMs: LATE_MS });
  const through = node.url.replace(/:\d+\?/, `:${faulty.port}?`);
  const env = { DATABASE_URL: database.url, EVENTSTORE_URL: through, DEFINITIONS_DIR: definitions };
  const watch = watchForCrashes();
  const agents = { AGENT_FIRST_URL: `${agent.url}/first`, AGENT_SECOND_URL: `${agent.url}/second` };
  const app = await startTestApp({ ...QUICK, ...env, ...agents, AGENT_SPARE_URL: `${agent.url}/spare` });
  const truth = new EventStoreDbEventLog({ url: node.url });
  const canary = new EventStoreDbEventLog({ url: through });
  const observer = new Observer(database.url);
  return {
    ...{ api: app.api, faulty, truth, observer, databaseUrl: database.url, agent, receiver, crashes: watch.crashes },
    loseTail: async (after) => {
      await node.close();
      await observer.query(`delete from eventstore.events where position > ${after}`);
      node = await startEmbeddedEventStore({ databaseUrl: database.url, port: target.port });
    },
    settled: async () => void (await canary.head()),
    close: async () => {
      faulty.be(null);
      await app.close();
      await Promise.all([truth.close(), canary.close(), observer.close()]);
      await faulty.close();
      await node.close();
      await Promise.all([agent.close(), receiver.close(), database.drop(), rm(definitions, { recursive: true })]);
      watch.stop();
    },
  };
};

const writeDefinitions = async (directory: string): Promise<void> => {
  const write = (name: string, document_type: string, steps: readonly object[]) =>
    writeFile(path.join(directory, `${name}.json`), JSON.stringify({ name, document_type, steps }));
  const steps = ['first', 'second'].map((name) => ({ name, agent: name, timeout_minutes: 1 }));
  await write('test-generation', DOCUMENT_TYPE, steps);
  await write('spare-generation', 'spare', [{ name: 'only', agent: SPARE_AGENT, timeout_minutes: 1 }]);
};

/** The application lives in this process: what nobody catches would be its end. */
const watchForCrashes = () => {
  const crashes: string[] = [];
  const note = (error: unknown) =>
    void crashes.push(error instanceof Error ? (error.stack ?? error.message) : String(error));
  process.on('uncaughtException', note);
  process.on('unhandledRejection', note);
  return {
    crashes,
    stop: () => {
      process.off('uncaughtException', note);
      process.off('unhandledRejection', note);
    },
  };
};
