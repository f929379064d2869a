/**
 * A real instance stands still at a failpoint until another instance has taken its place and done the work; then it goes
 * on. What it does late changes nothing: not the log, the tables, the file of checkpoints, nor the webhooks' deliveries.
 */
import { createPublicKey, generateKeyPairSync } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { DataSource } from 'typeorm';
import { verifyTreeHeads } from '../../src/application/audit/verify-tree-heads.js';
import { verifyLog } from '../../src/application/audit/verify-log.js';
import type { Failpoint } from '../../src/application/runtime/failpoint.js';
import { TreeHeadFile } from '../../src/infrastructure/audit/tree-head-file.js';
import { KeySigner } from '../../src/infrastructure/audit/signing-key.js';
import { StoredLog } from '../../src/infrastructure/embedded-eventstore/index.js';
import { createDataSource } from '../../src/infrastructure/postgres/data-source.js';
import { PostgresAuditTree } from '../../src/infrastructure/postgres/audit/postgres-audit-tree.js';
import { checkStream, type ReportViolation } from '../chaos/check-streams.js';
import { checkLedger, checkTables, type Streams } from '../chaos/check-world.js';
import { Observer } from '../chaos/observer.js';
import type { Api } from '../e2e/support/api.js';
import { definitionsDir } from '../e2e/support/definitions.js';
import { startInstance, type Instance } from '../e2e/support/instance.js';
import type { Child } from '../support/child.js';
import { eventually } from '../support/eventually.js';
import { createTestDatabase } from '../support/postgres.js';
import { startReceiver, type Receiver } from '../support/webhook-receiver.js';
import { startLedgerAgent } from './ledger-agent.js';

export type Stall = Readonly<{ name: Failpoint; nth: number }>;

const STEPS = ['first', 'second', 'third'];
const START = { project_id: 'p-1', document_type: 'test', triggered_by: 'ann' };
const SAME = { 'idempotency-key': 'one' };
const LONG = { deadlineMs: 60_000, everyMs: 100 };

/** @returns the violations: none if all invariants hold and the instance has stood still */
export const tryStall = async ({ name, nth }: Stall): Promise<readonly string[]> => {
  const violations: string[] = [];
  const reportViolation: ReportViolation = (invariant, id, what) => void violations.push(`${invariant} ${id}: ${what}`);
  const world = await makeWorld();
  try {
    // Alone it runs the event node, writes the read tables, signs, and queues webhooks.
    const victim = await world.start({ NODE_ENV: 'test', FAILPOINT: `${name}:${nth}:stall` });
    // The stalled instance goes on with an outdated 410: meanwhile the receiver has accepted the next request.
    if (name === 'webhook-answered') world.receiver.answer(() => (world.receiver.all.length === 0 ? 410 : 204));
    const made = await victim.api.post('/api/v1/workflow/webhooks', { url: `${world.receiver.url}/hook` });
    if (made.status !== 201) throw new Error(`webhook: ${made.status} ${JSON.stringify(made.body)}`);
    const began = victim.api.post('/api/v1/workflow/start', START, SAME).catch(() => undefined);
    await victim.child.printed(new RegExp(`stands still at ${name}`), LONG);

    const other = await world.start({});
    const first: string = await eventually(async () => {
      const { body } = await other.api.post('/api/v1/workflow/start', START, SAME);
      return body.data.execution.id;
    }, LONG);
    await other.api.reaches(first, 'completed', 60_000);
    await world.atRest(1);
    const before = await world.look();

    victim.child.process.kill('SIGCONT');
    await world.alive(victim.api);
    const answer = await began;
    if (answer?.status === 201 && answer.body.data.execution.id !== first)
      reportViolation('I2', first, 'it was started twice');
    const second = await eventually(() => other.api.start(START), LONG);
    await other.api.reaches(second, 'completed', 60_000);
    await world.atRest(2);
    // An instance finishes its work in hand before it ends.
    for (const { child } of [victim, other]) {
      child.process.kill('SIGTERM');
      if (child.process.exitCode === null) await once(child.process, 'exit', { signal: AbortSignal.timeout(60_000) });
    }
    await world.check(before, [first, second], reportViolation);
  } finally {
    await world.close();
  }
  return violations;
};

/** The file of checkpoints, and the executions' events. */
type Seen = Readonly<{ file: string; streams: Streams }>;

const makeWorld = async () => {
  const steps = STEPS.map((step) => ({ name: step, agent: 'test', retry: { initial_interval_ms: 300 } }));
  const [database, definitions, agent, receiver, directory] = await Promise.all([
    createTestDatabase(),
    definitionsDir(steps),
    startLedgerAgent(),
    startReceiver(),
    mkdtemp(path.join(tmpdir(), 'stall-')),
  ]);
  const { privateKey } = generateKeyPairSync('ed25519');
  const signer = new KeySigner(privateKey);
  const [keyFile, file] = ['key.pem', 'checkpoints.ndjson'].map((each) => path.join(directory, each)) as [
    string,
    string,
  ];
  await writeFile(keyFile, privateKey.export({ type: 'pkcs8', format: 'pem' }), { mode: 0o600 });
  const children = new Set<Child>();
  const observer = new Observer(database.url);
  const dataSource = await createDataSource({ url: database.url, poolSize: 2 });

  const start = (env: Record<string, string>): Promise<Instance> =>
    startInstance(
      {
        ...{ DATABASE_URL: database.url, DEFINITIONS_DIR: definitions, AGENT_TEST_URL: agent.url },
        ...{ AUDIT_SIGNING_KEY: keyFile, AUDIT_TRUSTED_KEYS: signer.keyId, AUDIT_CHECKPOINT_FILE: file },
        ...{ AUDIT_CHECKPOINT_MS: '100', WEBHOOK_ALLOW_PRIVATE_TARGETS: 'true' },
        ...{ WEBHOOK_FIRST_RETRY_MS: '100', WEBHOOK_TIMEOUT_MS: '2000', ...env },
      },
      (child) => children.add(child),
    );

  const eventCount = async (executions: number): Promise<number> => {
    const streams = await observer.streams();
    return streams.size === executions ? [...streams.values()].flat().length : Infinity;
  };
  /** Waits until every event is projected, signed and delivered. */
  const atRest = (executions: number) =>
    eventually(async () => {
      const [at] =
        (await observer.query<{ leaves: string; signed: string; projected: string; last: string }>(REACHED)) ?? [];
      if (!at || at.leaves !== at.signed) throw new Error(`${at?.signed} of ${at?.leaves} events are signed`);
      if (BigInt(at.projected) < BigInt(at.last)) throw new Error(`The tables are at ${at.projected} of ${at.last}`);
      const [count, taken] = [await eventCount(executions), receiver.taken().length];
      if (taken !== count) throw new Error(`${taken} of ${count} events were delivered: ${await undelivered()}`);
      return true;
    }, LONG);
  const undelivered = async () =>
    JSON.stringify(await observer.query(`select * from webhook_deliveries where state <> 'delivered'`));
  const look = async (): Promise<Seen> => ({ file: await readFile(file, 'utf8'), streams: await observer.streams() });
  const alive = (api: Api) => eventually(async () => (await api.get('/health/live')).status === 200, LONG);

  const check = async (
    before: Seen,
    executions: readonly string[],
    reportViolation: ReportViolation,
  ): Promise<void> => {
    const after = await look();
    if (!after.file.startsWith(before.file))
      reportViolation('late', 'file', 'what stood in it is not what stands there now');
    const numbers = after.file
      .trimEnd()
      .split('\n')
      .map((line) => (JSON.parse(line) as { number: number }).number);
    if (numbers.some((number, place) => number !== place))
      reportViolation('late', 'file', `its lines are ${numbers.join(' ')}`);
    const [first] = executions;
    const ids = (seen: Seen) =>
      seen.streams
        .get(first!)
        ?.map(({ id }) => id)
        .join();
    if (ids(after) !== ids(before)) reportViolation('late', first!, 'events were added after its end');
    if (after.streams.size !== executions.length) reportViolation('I2', 'log', `${after.streams.size} executions`);
    for (const [id, events] of after.streams) checkEnd(id, events.at(-1)?.type, events, reportViolation);
    checkLedger(after.streams, agent.ledger(), reportViolation);
    checkDelivered(receiver, reportViolation);
    const [hooks] = (await observer.query<{ disabled: string; pending: string }>(HOOKS)) ?? [];
    if (hooks?.disabled !== '0' || hooks.pending !== '0') reportViolation('webhooks', 'state', JSON.stringify(hooks));
    // Beside executions there are checkpoints in this log: the tables' own stand behind the last event of an execution.
    await checkTables(
      dataSource,
      after.streams,
      (which, ...what) => which !== 'I13' && reportViolation(which, ...what),
    );
    await checkProof(dataSource, file, signer, reportViolation);
  };

  const close = async () => {
    for (const child of children) child.process.kill('SIGCONT');
    await Promise.all([...children].filter((child) => !gone(child)).map((child) => child.kill('SIGKILL')));
    await observer.close();
    await dataSource.destroy();
    const folders = [definitions, directory].map((folder) => rm(folder, { recursive: true }));
    await Promise.all([agent.close(), receiver.close(), ...folders, database.drop()]);
  };
  return { start, receiver, atRest, look, alive, check, close };
};

const REACHED = `
  select (select count(*) from audit_leaves) as leaves,
         coalesce((select checkpoint ->> 'tree_size' from audit_checkpoints order by number desc limit 1), '0') as signed,
         (select coalesce(min(position), 0) from projection_checkpoints) as projected,
         (select coalesce(max(position), 0) from eventstore.events where stream like 'workflow-%') as last`;
const HOOKS = `
  select (select count(*) from webhooks where state <> 'enabled') as disabled,
         (select count(*) from webhook_deliveries where state <> 'delivered') as pending`;

const checkEnd = (
  id: string,
  last: string | undefined,
  events: Parameters<typeof checkStream>[1],
  reportViolation: ReportViolation,
) => {
  checkStream(id, events, reportViolation);
  if (last !== 'WorkflowCompleted') reportViolation('I18', id, `ends with ${last}`);
};

/** Expects each execution's events in order, by their first accepted delivery. */
const checkDelivered = (receiver: Receiver, reportViolation: ReportViolation): void => {
  const next = new Map<string, number>();
  for (const { body } of receiver.taken() as readonly {
    body: { data: { execution_id: string; revision: string } };
  }[]) {
    const { execution_id: id, revision } = body.data;
    const expected = next.get(id) ?? 0;
    if (Number(revision) !== expected)
      reportViolation('webhooks', id, `revision ${revision} came, ${expected} was due`);
    next.set(id, Number(revision) + 1);
  }
};

const checkProof = async (
  dataSource: DataSource,
  file: string,
  { keyId, publicKey }: KeySigner,
  reportViolation: ReportViolation,
) => {
  const log = new StoredLog((sql, values) => dataSource.query(sql, [...values]));
  const known = new Map([[keyId, createPublicKey(publicKey)]]);
  const keys = { pins: new Set([keyId]), known };
  const checkpoints = await verifyTreeHeads({ log, outside: new TreeHeadFile(file), keys });
  const verified = await verifyLog({ log, tree: new PostgresAuditTree(dataSource) }, checkpoints.trusted);
  for (const { kind, what } of [...checkpoints.findings, ...verified.findings]) reportViolation('proof', kind, what);
  if (checkpoints.repeated > 0) reportViolation('proof', 'file', `${checkpoints.repeated} lines stand there again`);
  if (verified.unsigned) reportViolation('proof', 'tail', `${verified.unsigned.events} events were left unsigned`);
};

const gone = ({ process }: Child) => process.exitCode !== null || process.signalCode !== null;
