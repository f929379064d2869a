import type { OnError } from '../application/runtime/errors.js';
/** What proves the history: the tree over the log, the key, the file outside the database. */
import path from 'node:path';
import type { DataSource } from 'typeorm';
import { AuditTreeWriter } from '../application/audit/audit-tree-writer.js';
import { DEFAULT_KEEPER_LIMITS, type KeeperPorts } from '../application/audit/writer-ports.js';
import type { TrustedKeys } from '../application/audit/keys.js';
import type { AuditTree } from '../application/audit/audit-tree.js';
import type { CheckpointSigner, OutsideCheckpoints } from '../application/audit/checkpoint.js';
import { leadNotices } from '../application/runtime/notices.js';
import { CheckpointFile } from '../infrastructure/audit/checkpoint-file.js';
import { mustBeAllowed } from '../application/audit/may-sign.js';
import { readTrustedKeys, openSigningKey } from '../infrastructure/audit/signing-key.js';
import type { Config } from '../infrastructure/config/config.js';
import { PostgresAuditTree } from '../infrastructure/postgres/audit/postgres-audit-tree.js';
import { tellLog } from './notices.js';

export type AuditParts = Readonly<{
  tree: AuditTree;
  signer: CheckpointSigner;
  pins: ReadonlySet<string>;
  outside: OutsideCheckpoints;
}>;

export const auditDirectory = ({ dataDir }: Config): string => path.join(dataDir, 'audit');

/**
 * @throws KeyNotAllowed where keys are pinned, and this is none of them or of those that they named. Without a pin the instance
 *   starts, and says that it signs nothing: another, on another machine, may have the right key
 */
export const openAudit = async (config: Config, dataSource: DataSource): Promise<AuditParts> => {
  const { pins } = await pinnedKeys(config);
  const tree = new PostgresAuditTree(dataSource);
  const signer = await openSigningKey(config.auditSigningKey?.reveal(), auditDirectory(config));
  if (pins.size > 0) {
    const [last, changes] = [await tree.latestCheckpoint(), await tree.keyChanges()];
    mustBeAllowed(signer, pins, { last, changes });
  }
  return { tree, signer, pins, outside: new CheckpointFile(config.auditCheckpointFile!) };
};

export const auditKeeper = (config: Config, ports: KeeperPorts, onError: OnError): AuditTreeWriter => {
  const { auditCheckpointEvents: checkpointEvents, auditCheckpointMs: checkpointMs } = config;
  const notices = leadNotices('writes and signs the audit tree', tellLog('Audit'));
  return new AuditTreeWriter(ports, { ...DEFAULT_KEEPER_LIMITS, checkpointEvents, checkpointMs }, onError, notices);
};

/** For the first start: who learns of the key only later cannot know that it has always been this one. */
export const pinIt = (keyId: string): string =>
  `The history is signed with the key ${keyId}. Note this fingerprint where nobody can change it who can write to the data ` +
  'folder or the database, and pin it: AUDIT_TRUSTED_KEYS, or `npm run audit -- verify --all --key FINGERPRINT`';

export const pinnedKeys = ({ auditTrustedKeys }: Config): Promise<TrustedKeys> =>
  readTrustedKeys(
    auditTrustedKeys.split(',').flatMap((one) => one.trim() || []),
    'AUDIT_TRUSTED_KEYS',
  );
