/** What `npm run audit` verifies with. It joins the servers of an application that runs, or starts its own. */
import { userInfo } from 'node:os';
import { changeKey } from '../application/audit/tree-head-chain.js';
import type { Finding } from '../application/audit/finding.js';
import type { TreeHeadSigner } from '../application/audit/signed-tree-head.js';
import { signingPart, verdictOf, type Signing } from '../application/audit/finding.js';
import { tombstonesOf } from '../application/audit/chain-walk.js';
import { ArtifactWalk, verifyArtifactsOf } from '../application/audit/verify-artifacts.js';
import { moveLog } from '../application/audit/move-log.js';
import { verifyTreeHeads } from '../application/audit/verify-tree-heads.js';
import { verifyLog } from '../application/audit/verify-log.js';
import { verifyStream } from '../application/audit/verify-stream.js';
import { KEY_CHANGE_STREAM, keyChanges, readKeyChangeEvent } from '../domain/audit/key-change.js';
import { WEBHOOK_STREAM_PREFIX } from '../domain/webhook/webhook.js';
import { workflowStream } from '../domain/workflow/index.js';
import { TreeHeadFile } from '../infrastructure/audit/tree-head-file.js';
import {
  knownKeys,
  openNextKey,
  openSigningKey,
  takeNextKey,
  readTrustedKeys,
} from '../infrastructure/audit/signing-key.js';
import type { Config } from '../infrastructure/config/config.js';
import { readConfig } from '../infrastructure/config/configuration.js';
import { HashedStoredLog, StoredLog } from '../infrastructure/embedded-eventstore/index.js';
import { PostgresArtifactStore } from '../infrastructure/postgres/workflow/postgres-artifact-store.js';
import { PostgresAuditTree } from '../infrastructure/postgres/audit/postgres-audit-tree.js';
import { PostgresPositionStore } from '../infrastructure/postgres/audit/postgres-position-store.js';
import type { EventLog } from '../application/log/event-log.js';
import { commandIdFor } from '../application/log/ids.js';
import { SmallStream } from '../application/log/small-stream.js';
import { SystemClock, SystemIds } from '../infrastructure/system/clock-and-ids.js';
import { auditDirectory, pinnedKeys } from './audit.js';
import { guardedLog } from './guarded-log.js';
import { startPlatform, type Platform } from './platform.js';

export type AuditTools = Awaited<ReturnType<typeof openForAudit>>;

/**
 * @param given keys to trust in place of those of the settings
 * @throws ConfigurationError
 */
export const openForAudit = async (given: readonly string[]) => {
  const config = readConfig();
  const directory = auditDirectory(config);
  const pinned = given.length > 0 ? await readTrustedKeys(given, '--key') : await pinnedKeys(config);
  const platform = await startPlatform(config, { tell: () => undefined });
  const { log, tree, outside, artifactStore } = sourcesOf(config, platform);
  const clock = new SystemClock();
  const keys = { pins: pinned.pins, known: new Map([...(await knownKeys(directory)), ...pinned.known]) };
  const signing = (found: Pick<Signing, 'firstKey' | 'missingKeys' | 'proved' | 'unsigned'>) =>
    signingPart({ ...found, pins: keys.pins, now: clock.now(), checkpointMs: config.auditCheckpointMs });
  const openOwnKey = () => openSigningKey(config.auditSigningKey?.reveal(), directory);
  return {
    file: config.auditCheckpointFile!,
    isPinned: keys.pins.size > 0,
    close: platform.close,
    verifyAll: async () => {
      const checkpoints = await verifyTreeHeads({ log, outside, keys });
      const artifacts = new ArtifactWalk(artifactStore);
      const verified = await verifyWhole({ log, tree, artifacts }, checkpoints.trusted);
      const signed = signing({ ...checkpoints, ...verified, proved: verified.covered });
      const found = [verified, checkpoints, artifacts, { findings: await tombstonesOf(log, WEBHOOK_STREAM_PREFIX) }];
      return { checkpoints, log: verified, artifacts, verdict: verdictOf([...found.map(toPart), signed]) };
    },
    verifyExecution: async (execution: string) => {
      const verified = await verifyStream({ log, tree, keys }, workflowStream(execution));
      const artifacts = await verifyArtifactsOf(verified.recorded, artifactStore);
      return { ...verified, artifacts, verdict: verdictOf([...[verified, artifacts].map(toPart), signing(verified)]) };
    },
    /** @throws while an application keeps the tree */
    clearTree: async () => {
      const session = await leadTree(tree);
      await session.clear().finally(() => session.close());
    },
    /** @returns null where there is nothing to move. @throws MoveRefused; while an application keeps the tree */
    moveLog: async () => {
      const [signer, session] = [await openOwnKey(), await leadTree(tree)];
      const positions = new PostgresPositionStore(platform.dataSource);
      const ports = { tree, log: platform.log, clock, signer, pins: keys.pins, keys, outside, positions };
      return moveLog(ports, session).finally(() => session.close());
    },
    signingKey: async () => (await openOwnKey()).keyId,
    /**
     * @param file the next key's; without it one is made in the place of the old one
     * @param persons who changes it and who is there; both are needed but in mode `local`
     * @returns the ids of both, and whether the old one has named the new one, which it need not before the first checkpoint
     * @throws while an application keeps the tree, or where the old key may not sign
     */
    changeKey: async (file: string | undefined, persons: KeyChangePersons) => {
      mustBeNamed(config, file, persons);
      const [signer, next] = [await openOwnKey(), await openNextKey(file, directory)];
      const ports = { tree, log: guardedOf(platform, clock), clock, signer, pins: keys.pins, outside };
      const isNamed = await changeInLead(ports, next, persons);
      if (file === undefined) await takeNextKey(directory);
      return { from: signer.keyId, to: next.keyId, isNamed };
    },
  };
};

/** Names as `--by` and `--witness` give them. */
type KeyChangePersons = Readonly<{ by: string | undefined; witness: string | undefined; reason: string | undefined }>;

/** Where nothing proves persons anyway, nobody has to be named. */
const mustBeNamed = (
  { auth, auditSigningKey }: Config,
  file: string | undefined,
  { by, witness }: KeyChangePersons,
): void => {
  if (auth !== 'local' && (by === undefined || witness === undefined))
    throw new Error(`AUTH=${auth}: a change of the audit key takes two persons: expected --by NAME and --witness NAME`);
  if (auditSigningKey && file === undefined)
    throw new Error(
      'AUDIT_SIGNING_KEY is set: give a file with the next key, --to FILE, and set it to that afterwards',
    );
};

const changeInLead = async (
  ports: Parameters<typeof changeKey>[0] & Readonly<{ log: EventLog; clock: SystemClock; tree: PostgresAuditTree }>,
  next: TreeHeadSigner,
  persons: KeyChangePersons,
): Promise<boolean> => {
  const session = await leadTree(ports.tree);
  try {
    await orderKeyChange(ports, { from: ports.signer.keyId, to: next.keyId }, persons);
    return await changeKey(ports, session, next);
  } finally {
    await session.close();
  }
};

const keyChangeStream = new SmallStream(keyChanges, readKeyChangeEvent);

/** Comes before the change, so that there is none without it. Once for each next key. */
const orderKeyChange = async (
  ports: Readonly<{ log: EventLog; clock: SystemClock }>,
  keys: Readonly<{ from: string; to: string }>,
  { by, witness, reason: why }: KeyChangePersons,
): Promise<void> => {
  if (by === undefined && witness === undefined) return;
  const [at, account, reason] = [ports.clock.now(), userInfo().username, why ?? null];
  const data = { ...keys, by: by ?? '', witness: witness ?? '', account, reason, at: at.toISOString() };
  await keyChangeStream.execute(
    ports,
    KEY_CHANGE_STREAM,
    { type: 'OrderKeyChange', data },
    {
      commandId: commandIdFor(KEY_CHANGE_STREAM, 'change', keys.to),
      ...{ at, actor: { type: 'system', id: `cli:${account}` }, reason, causationId: null, traceparent: null },
    },
  );
};

const guardedOf = (platform: Platform, clock: SystemClock): EventLog =>
  guardedLog(platform, clock, new SystemIds(), () => undefined).log;

const leadTree = async (tree: PostgresAuditTree) => {
  const session = await tree.tryLead();
  if (session) return session;
  throw new Error('An application keeps the tree at this moment: stop it first');
};

/** An embedded node's events are read as the database stores them, not as a running node remembers them. */
const sourcesOf = (config: Config, { dataSource, log }: Platform) => ({
  log: config.eventstoreUrl === undefined ? new StoredLog((sql, values) => dataSource.query(sql, [...values])) : log,
  tree: new PostgresAuditTree(dataSource),
  outside: new TreeHeadFile(config.auditCheckpointFile!),
  artifactStore: new PostgresArtifactStore(dataSource),
});

/** Of the embedded node's table the events are hashed in threads. */
const verifyWhole = async (
  ports: Readonly<{ log: EventLog; tree: PostgresAuditTree; artifacts: ArtifactWalk }>,
  trusted: Parameters<typeof verifyLog>[1],
) => {
  if (!(ports.log instanceof StoredLog)) return verifyLog(ports, trusted);
  const hashed = new HashedStoredLog(ports.log);
  return verifyLog({ ...ports, hashed }, trusted).finally(() => hashed.close());
};

/** The findings alone: what is not proven is a matter of the signatures. */
const toPart = ({ findings }: Readonly<{ findings: readonly Finding[] }>) => ({ findings, unproven: [] });
