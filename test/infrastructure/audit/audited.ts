/** A log with a tree and checkpoints over it: a real Postgres, the embedded node, the real client, a file in a directory. */
import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { DataSource } from 'typeorm';
import {
  AuditTreeWriter,
  DEFAULT_AUDIT_WRITER_LIMITS,
  type AuditWriterDependencies,
} from '../../../src/application/audit/audit-tree-writer.js';
import { treeHeadHash, signedText } from '../../../src/application/audit/signed-tree-head.js';
import { moveLog } from '../../../src/application/audit/move-log.js';
import { inOrder } from '../../../src/application/audit/finding.js';
import { verifyTreeHeads } from '../../../src/application/audit/verify-tree-heads.js';
import { verifyLog } from '../../../src/application/audit/verify-log.js';
import { verifyStream } from '../../../src/application/audit/verify-stream.js';
import { chained, contentOf, linkOf, hashOf } from '../../../src/application/log/event-hash.js';
import type { EventLog } from '../../../src/application/log/event-log.js';
import { eventId } from '../../../src/application/log/ids.js';
import { TreeHeadFile } from '../../../src/infrastructure/audit/tree-head-file.js';
import { knownKeys, openSigningKey } from '../../../src/infrastructure/audit/signing-key.js';
import {
  HASHING_LIMITS,
  HashedStoredLog,
  startEmbeddedEventStore,
  StoredLog,
} from '../../../src/infrastructure/embedded-eventstore/index.js';
import { EventStoreDbEventLog } from '../../../src/infrastructure/eventstore/eventstore-db.event-log.js';
import { createDataSource } from '../../../src/infrastructure/postgres/data-source.js';
import { PostgresAuditTree } from '../../../src/infrastructure/postgres/audit/postgres-audit-tree.js';
import { PostgresPositionStore } from '../../../src/infrastructure/postgres/audit/postgres-position-store.js';
import { SystemClock, SystemIds } from '../../../src/infrastructure/system/clock-and-ids.js';
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
  const [tree, outside] = [new PostgresAuditTree(dataSource), new TreeHeadFile(file)];
  const errors: string[] = [];

  /** A writer signs only when the test asks for it, or late. */
  const keeper = async (
    limits: Partial<typeof DEFAULT_AUDIT_WRITER_LIMITS> = {},
    own: Partial<Pick<AuditWriterDependencies, 'outside' | 'signer' | 'pins' | 'log' | 'foreign'>> = {},
  ) => {
    const signer = await openSigningKey(undefined, directory);
    const system = { clock: new SystemClock(), ids: new SystemIds() };
    const ports = { tree, outside, signer, log, pins: new Set<string>(), ...system, ...own };
    const quick = { ...DEFAULT_AUDIT_WRITER_LIMITS, checkpointMs: 600_000, everyMs: 5, leadPauseMs: 20, ...limits };
    return new AuditTreeWriter(ports, quick, (message, error) => errors.push(`${message}: ${String(error)}`));
  };
  const append = async (stream: string, count: number, to: EventLog = log) => {
    const { events, revision } = await to.read(stream);
    const made = Array.from({ length: count }, (_, place) => {
      const number = events.length + place;
      const data = { step: `step ${number}`, output: { text: 'x'.repeat(20) } };
      const metadata = { commandId: `${stream} ${number}`, actor: { type: 'user', id: 'ann' }, reason: null };
      const dataHash = hashOf(data);
      const id = eventId(stream, metadata.commandId, 0, contentOf('StepCompleted', dataHash, metadata));
      return { event: { id, type: 'StepCompleted', data, metadata }, dataHash, bytes: 0 };
    });
    const last = events.at(-1);
    await to.append(stream, chained(stream, made, revision, last ? linkOf(last) : null).events, revision);
  };
  const signUpTo = async (one: AuditTreeWriter, size: number) =>
    eventually(async () => {
      const latest = await tree.latestTreeHead();
      if (latest?.tree_size === size) return latest;
      if ((await tree.leaves(size - 1, 1)).length === 1) one.signNow();
      return false;
    });
  /** Pinned: the key that the directory holds. */
  const keys = async () => {
    const known = await knownKeys(directory);
    const { keyId } = await openSigningKey(undefined, directory);
    return { pins: new Set([keyId]), known };
  };
  /** Of the tree as it is, as the event that a leader would append next. */
  const signedByHand = async () => {
    const signer = await openSigningKey(undefined, directory);
    const last = (await tree.latestTreeHead())!;
    const size = await tree.size();
    const [root] = await tree.hashesOf([{ start: 0, end: size }]);
    const [leaf] = await tree.leaves(size - 1, 1);
    const unsigned = {
      ...{ format: last.format, number: last.number + 1, tree_size: size, root: root!.toString('hex') },
      ...{ position: String(leaf!.position), at: new Date().toISOString(), key_id: signer.keyId },
      previous: treeHeadHash(last),
    };
    const data = { ...unsigned, signature: signer.sign(signedText(unsigned)) };
    return [{ id: randomUUID(), type: 'AuditCheckpointSigned', data, metadata: {} }];
  };
  const verifyAll = async (read: EventLog = stored) => {
    const checkpoints = await verifyTreeHeads({ log: read, outside, keys: await keys() });
    const verified = await verifyLog({ log: read, tree }, checkpoints.trusted);
    // Whatever was done to the log: hashed page by page, as the program does it, the verdict is the same.
    if (read === stored) {
      const hashed = new HashedStoredLog(stored, { ...HASHING_LIMITS, pageEvents: 4 });
      expect(await verifyLog({ log: read, tree, hashed }, checkpoints.trusted)).toEqual(verified);
      await hashed.close();
    }
    return { ...verified, checkpoints, findings: inOrder([...verified.findings, ...checkpoints.findings]) };
  };
  const close = async () => {
    await log.close();
    await node.close();
    await dataSource.destroy();
    await database.drop();
    await rm(directory, { recursive: true });
  };
  const leadTree = async () => (await eventually(() => tree.tryLead()))!;
  /** With `copy` as the log. */
  const move = async (copy: EventLog) => {
    const lease = await leadTree();
    const system = {
      clock: new SystemClock(),
      pins: new Set<string>(),
      signer: await openSigningKey(undefined, directory),
    };
    const positions = new PostgresPositionStore(dataSource);
    const ports = { ...system, tree, outside, log: copy, keys: await keys(), positions };
    return moveLog(ports, lease).finally(() => lease.close());
  };
  const verifyOne = async (stream: string, read: EventLog = stored) =>
    verifyStream({ log: read, tree, keys: await keys() }, stream);
  const parts = { url: node.url, dataSource, log, stored, tree, outside, file, directory, errors };
  return { ...parts, keys, signedByHand, keeper, append, signUpTo, leadTree, move, verifyAll, verifyOne, close };
};
