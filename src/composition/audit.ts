/** What proves the history: the tree over the log, the key, the file outside the database. */
import path from 'node:path';
import type { DataSource } from 'typeorm';
import { AuditKeeper } from '../application/audit/keeper.js';
import { DEFAULT_KEEPER_LIMITS, type KeeperPorts, type OnAuditError } from '../application/audit/keeper-ports.js';
import type { AuditTree } from '../application/audit/audit-tree.js';
import type { CheckpointSigner, OutsideCheckpoints } from '../application/audit/checkpoint.js';
import { leadNotices } from '../application/notices.js';
import { CheckpointFile } from '../infrastructure/audit/checkpoint-file.js';
import { knownKeys, openSigningKey } from '../infrastructure/audit/signing-key.js';
import type { Config } from '../infrastructure/config/config.js';
import { PostgresAuditTree } from '../infrastructure/postgres/postgres-audit-tree.js';
import { tellLog } from './notices.js';

export type AuditParts = Readonly<{ tree: AuditTree; signer: CheckpointSigner; outside: OutsideCheckpoints }>;

export const auditDirectory = ({ dataDir }: Config): string => path.join(dataDir, 'audit');

export const openAudit = async (config: Config, dataSource: DataSource): Promise<AuditParts> => ({
  tree: new PostgresAuditTree(dataSource),
  signer: await openSigningKey(config.auditSigningKey?.reveal(), auditDirectory(config)),
  outside: new CheckpointFile(config.auditCheckpointFile!),
});

export const auditKeeper = (config: Config, ports: KeeperPorts, onError: OnAuditError): AuditKeeper => {
  const { auditCheckpointEvents: checkpointEvents, auditCheckpointMs: checkpointMs } = config;
  const notices = leadNotices('writes and signs the audit tree', tellLog('Audit'));
  return new AuditKeeper(ports, { ...DEFAULT_KEEPER_LIMITS, checkpointEvents, checkpointMs }, onError, notices);
};

export const trustedKeys = (config: Config) => knownKeys(auditDirectory(config));
