/** A real instance dies at a failpoint, alone or beside another; the trial starts it again and checks all invariants. */
import { once } from 'node:events';
import { rm } from 'node:fs/promises';
import type { Failpoint } from '../../src/application/runtime/failpoint.js';
import { createDataSource } from '../../src/infrastructure/postgres/data-source.js';
import { checkStream, type ReportViolation } from '../chaos/check-streams.js';
import { checkAcknowledged, checkLedger, checkTables, type Streams } from '../chaos/check-world.js';
import type { Acknowledged } from '../chaos/clients.js';
import { Observer } from '../chaos/observer.js';
import { Api } from '../e2e/support/api.js';
import { definitionsDir } from '../e2e/support/definitions.js';
import { startInstance, type Instance } from '../e2e/support/instance.js';
import type { Child } from '../support/child.js';
import { eventually } from '../support/eventually.js';
import { createTestDatabase } from '../support/postgres.js';
import { startLedgerAgent, type LedgerAgent } from './ledger-agent.js';

export type CrashPoint = Readonly<{ name: Failpoint; nth: number; instances: 1 | 2 }>;
export type Outcome = Readonly<{
  /** Empty if all invariants hold and the crash took place. */
  violations: readonly string[];
  /** From the death to the end of the workflow. */
  recoveryMs: number;
}>;

const STEPS = ['first', 'second', 'third'];
const DEATH_LIMIT_MS = 30_000;
const START = { project_id: 'p-1', document_type: 'test', triggered_by: 'ann' };
const SAME_START = { 'idempotency-key': 'the-one-start' };

export const tryCrashPoint = async ({ name, nth, instances }: CrashPoint): Promise<Outcome> => {
  const violations: string[] = [];
  const reportViolation: ReportViolation = (invariant, id, what) => void violations.push(`${invariant} ${id}: ${what}`);
  const steps = STEPS.map((step) => ({ name: step, agent: 'test', retry: { initial_interval_ms: 300 } }));
  const [database, definitions, agent] = await Promise.all([
    createTestDatabase(),
    definitionsDir(steps),
    startLedgerAgent(),
  ]);
  const children = new Set<Child>();
  const start = async (env: Record<string, string>): Promise<Instance> =>
    startInstance(
      {
        DATABASE_URL: database.url,
        DEFINITIONS_DIR: definitions,
        AGENT_TEST_URL: agent.url,
        AUDIT_CHECKPOINT_MS: '3600000',
        ...env,
      },
      (child) => children.add(child),
    );
  const observer = new Observer(database.url);
  try {
    // The first instance runs the event node and writes the read tables: its death has the most effects.
    const victim = await start({ NODE_ENV: 'test', FAILPOINT: `${name}:${nth}` });
    if (!victim.child.output().includes(`kills itself at ${name}`))
      reportViolation('vacuous', name, 'the instance did not announce it at the start');
    if (instances === 2) await start({});
    const acknowledged: Acknowledged[] = [];
    await startWorkflow(victim.api, acknowledged).catch(() => undefined);
    if (name === 'drain') {
      await eventually(() => agent.calls() > 0);
      victim.child.process.kill('SIGTERM');
    }
    await dead(victim.child);
    const diedAt = performance.now();
    if (name === 'request-written') await eventually(() => agent.calls() > 0);

    const { api } = await start({});
    const id = await eventually(() => startWorkflow(api, acknowledged), { deadlineMs: 20_000 });
    await api.reaches(id, 'completed', 30_000);
    const recoveryMs = performance.now() - diedAt;
    await eventually(async () => (await observer.unrest()) === undefined);
    const streams = await observer.streams();
    await check(database.url, streams, agent, acknowledged, reportViolation);
    return { violations, recoveryMs };
  } finally {
    await Promise.all([...children].filter((child) => !gone(child)).map((child) => child.kill('SIGKILL')));
    await observer.close();
    await Promise.all([agent.close(), rm(definitions, { recursive: true }), database.drop()]);
  }
};

/** Sends the same request under the same key to any instance: there is one execution. */
const startWorkflow = async (api: Api, acknowledged: Acknowledged[]): Promise<string> => {
  const { status, body } = await api.post('/api/v1/workflow/start', START, SAME_START);
  if (status !== 201 && status !== 200) throw new Error(`start: ${status} ${JSON.stringify(body)}`);
  const { execution, revision, position } = body.data;
  const place = { revision: BigInt(revision), position: position === null ? null : BigInt(position) };
  acknowledged.push({ executionId: execution.id, action: 'start', changed: true, ...place });
  return execution.id;
};

const gone = ({ process }: Child) => process.exitCode !== null || process.signalCode !== null;

/** @throws if it lives on or ends in another way: then it never passed the failpoint */
const dead = async (child: Child): Promise<void> => {
  if (!gone(child)) await once(child.process, 'exit', { signal: AbortSignal.timeout(DEATH_LIMIT_MS) });
  const { exitCode, signalCode } = child.process;
  if (signalCode !== 'SIGKILL') throw new Error(`Expected death by SIGKILL, it ended with ${signalCode ?? exitCode}`);
};

const check = async (
  url: string,
  streams: Streams,
  agent: LedgerAgent,
  acknowledged: readonly Acknowledged[],
  reportViolation: ReportViolation,
): Promise<void> => {
  const ledger = agent.ledger();
  if (streams.size !== 1) reportViolation('I2', 'log', `${streams.size} executions, one was started`);
  for (const [id, events] of streams) {
    checkStream(id, events, reportViolation);
    const completed = events.flatMap(({ type, data }) =>
      type === 'StepCompleted' ? [(data as { step: string }).step] : [],
    );
    if (completed.join() !== STEPS.join()) reportViolation('I5', id, `completed ${completed.join()}`);
    if (events.at(-1)?.type !== 'WorkflowCompleted') reportViolation('I18', id, `ends with ${events.at(-1)?.type}`);
    const keys = ledger.map(({ key }) => key).sort();
    const expected = STEPS.map((step) => `${id}:${step}:1`).sort();
    if (keys.join() !== expected.join()) reportViolation('I5', id, `keys ${keys.join()}`);
  }
  checkAcknowledged(streams, acknowledged, reportViolation);
  checkLedger(streams, ledger, reportViolation);
  const dataSource = await createDataSource({ url, poolSize: 2 });
  await checkTables(dataSource, streams, reportViolation).finally(() => dataSource.destroy());
};
