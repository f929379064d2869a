/** A log with a tree and checkpoints over it: a real Postgres, the embedded node, the real client, a file in a directory. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { DataSource } from 'typeorm';
import { AuditKeeper } from '../../../src/application/audit/keeper.js';
import { DEFAULT_KEEPER_LIMITS } from '../../../src/application/audit/keeper-ports.js';
import { inOrder } from '../../../src/application/audit/finding.js';
import { verifyCheckpoints } from '../../../src/application/audit/verify-checkpoints.js';
import { verifyLog } from '../../../src/application/audit/verify-log.js';
import { verifyStream } from '../../../src/application/audit/verify-stream.js';
import { chained, contentOf, linkOf } from '../../../src/application/event-hash.js';
import { hashOf } from '../../../src/application/hash.js';
import { eventId } from '../../../src/application/ids.js';
import { CheckpointFile } from '../../../src/infrastructure/audit/checkpoint-file.js';
import { knownKeys, openSigningKey } from '../../../src/infrastructure/audit/signing-key.js';
import { startEmbeddedEventStore, StoredLog } from '../../../src/infrastructure/embedded-eventstore/index.js';
import { EventStoreDbEventLog } from '../../../src/infrastructure/eventstore/eventstore-db.event-log.js';
import { createDataSource } from '../../../src/infrastructure/postgres/data-source.js';
import { PostgresAuditTree } from '../../../src/infrastructure/postgres/postgres-audit-tree.js';
import { SystemClock } from '../../../src/infrastructure/system/system-clock.js';
import { SystemIds } from '../../../src/infrastructure/system/system-ids.js';
import { eventually } from '../../support/eventually.js';
import { createTestDatabase } from '../../support/postgres.js';

export type Audited = Awaited<ReturnType<typeof openAudited>>;

export const openAudited = async () => {
  const database = await createTestDatabase();
  const directory = await mkdtemp(path.join(tmpdir(), 'audited-'));
  const dataSource: DataSource = await createDataSource({ url: database.url, poolSize: 4 });
  const node = await startEmbeddedEventStore({ databaseUrl: database.url });
  const log = new EventStoreDbEventLog({ url: node.url, appendTimeoutMs: 5_000 });
  const stored = new StoredLog((sql, values) => dataSource.query(sql, [...values]));
  const file = path.join(directory, 'checkpoints.ndjson');
  const [tree, outside] = [new PostgresAuditTree(dataSource), new CheckpointFile(file)];
  const errors: string[] = [];

  /** A keeper signs only when it is hurried, or late. */
  const keeper = async (limits: Partial<typeof DEFAULT_KEEPER_LIMITS> = {}) => {
    const signer = await openSigningKey(undefined, directory);
    const ports = { tree, outside, signer, log, clock: new SystemClock(), ids: new SystemIds() };
    const quick = { ...DEFAULT_KEEPER_LIMITS, checkpointMs: 600_000, everyMs: 5, leadPauseMs: 20, ...limits };
    return new AuditKeeper(ports, quick, (message, error) => errors.push(`${message}: ${String(error)}`));
  };
  const append = async (stream: string, count: number) => {
    const { events, revision } = await log.read(stream);
    const made = Array.from({ length: count }, (_, place) => {
      const number = events.length + place;
      const data = { step: `step ${number}`, output: { text: 'x'.repeat(20) } };
      const metadata = { commandId: `${stream} ${number}`, actor: { type: 'user', id: 'ann' }, reason: null };
      const dataHash = hashOf(data);
      const id = eventId(stream, metadata.commandId, 0, contentOf('StepCompleted', dataHash, metadata));
      return { event: { id, type: 'StepCompleted', data, metadata }, dataHash };
    });
    const last = events.at(-1);
    await log.append(stream, chained(stream, made, revision, last ? linkOf(last) : null).events, revision);
  };
  const signUpTo = async (one: AuditKeeper, size: number) =>
    eventually(async () => {
      const latest = await tree.latestCheckpoint();
      if (latest?.tree_size === size) return latest;
      if ((await tree.leaves(size - 1, 1)).length === 1) one.hurry();
      return false;
    });
  const keys = () => knownKeys(directory);
  const verifyAll = async () => {
    const checkpoints = await verifyCheckpoints({ log: stored, outside, keys: await keys() });
    const verified = await verifyLog({ log: stored, tree }, checkpoints.trusted);
    return { ...verified, checkpoints, findings: inOrder([...verified.findings, ...checkpoints.findings]) };
  };
  const close = async () => {
    await log.close();
    await node.close();
    await dataSource.destroy();
    await database.drop();
    await rm(directory, { recursive: true });
  };
  const verifyOne = async (stream: string) => verifyStream({ log: stored, tree, keys: await keys() }, stream);
  const parts = { dataSource, log, stored, tree, outside, file, directory, errors };
  return { ...parts, keeper, append, signUpTo, verifyAll, verifyOne, close };
};
