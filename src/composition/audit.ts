/** What proves the history: the tree over the log, the signing key, and the file outside the database. */
import path from 'node:path';
import type { DataSource } from 'typeorm';
import {
  AuditTreeWriter,
  DEFAULT_AUDIT_WRITER_LIMITS,
  type AuditWriterDependencies,
} from '../application/audit/audit-tree-writer.js';
import { mustBeAllowed, type TrustedKeys } from '../application/audit/keys.js';
import { AuditPackMaker, AuditPacks } from '../application/audit/pack/audit-pack.js';
import { AuditReviews } from '../application/audit/reviews.js';
import { ExecutionSignatures } from '../application/audit/signatures.js';
import { SignaturePages } from '../application/audit/signed-copy.js';
import { FreshSignIns } from '../application/access/fresh-sign-ins.js';
import { ForeignEvents } from '../application/log/foreign-events.js';
import type { OnError } from '../application/runtime/errors.js';
import { ArtifactStore } from '../application/workflow/artifacts.js';
import { Histories } from '../application/workflow/histories.js';
import { leadNotices } from '../application/runtime/leadership.js';
import { TreeHeadFile } from '../infrastructure/audit/tree-head-file.js';
import { PdfSignaturePages } from '../infrastructure/audit/signed-copy/pdf-signature-pages.js';
import { ZipPackFormat } from '../infrastructure/audit/pack/zip-pack-format.js';
import { readTrustedKeys, openSigningKey } from '../infrastructure/audit/signing-key.js';
import type { Config } from '../infrastructure/config/config.js';
import { PostgresAuditTree } from '../infrastructure/postgres/audit/postgres-audit-tree.js';
import { type AuditDependencies, type Dependencies, type Feature, logErrors, tellLog } from './feature.js';

export const audit = ({ config, log, clock, ids, outages, audit: dependencies }: Dependencies): Feature => {
  const foreign = new ForeignEvents(tellLog('Audit'));
  const keeper = auditKeeper(config, { ...dependencies, log, clock, ids, foreign }, logErrors('Audit', outages));
  return {
    providers: [
      { provide: AuditTreeWriter, useValue: keeper },
      {
        provide: AuditPacks,
        inject: [ArtifactStore, Histories],
        useFactory: (artifacts: ArtifactStore, histories: Histories) =>
          new AuditPackMaker({
            ...dependencies,
            log,
            histories,
            clock,
            keeper,
            artifacts,
            format: new ZipPackFormat(),
          }),
      },
      {
        provide: AuditReviews,
        inject: [Histories],
        useFactory: (histories: Histories) => new AuditReviews(log, clock, foreign, histories),
      },
      {
        provide: ExecutionSignatures,
        inject: [Histories, FreshSignIns],
        useFactory: (histories: Histories, freshSignIns: FreshSignIns) =>
          new ExecutionSignatures({ log, clock, histories, freshSignIns, foreign }),
      },
      { provide: SignaturePages, useValue: new PdfSignaturePages() },
    ],
    start: () => keeper.start(),
    stop: () => keeper.stop(),
  };
};

export const auditDirectory = ({ dataDir }: Config): string => path.join(dataDir, 'audit');

/**
 * @throws KeyNotAllowed where keys are pinned, and this is none of them or of those that they named. Without a pin the instance
 *   starts, and logs that it signs nothing: an instance on another machine may have the right key
 */
export const openAudit = async (config: Config, dataSource: DataSource): Promise<AuditDependencies> => {
  const { pins } = await pinnedKeys(config);
  const tree = new PostgresAuditTree(dataSource);
  const signer = await openSigningKey(config.auditSigningKey?.reveal(), auditDirectory(config));
  if (pins.size > 0) {
    const [last, changes] = [await tree.latestTreeHead(), await tree.keyChanges()];
    mustBeAllowed(signer, pins, { last, changes });
  }
  return { tree, signer, pins, outside: new TreeHeadFile(config.auditCheckpointFile!) };
};

const auditKeeper = (config: Config, ports: AuditWriterDependencies, onError: OnError): AuditTreeWriter => {
  const { auditCheckpointEvents: checkpointEvents, auditCheckpointMs: checkpointMs } = config;
  const notices = leadNotices('writes and signs the audit tree', tellLog('Audit'));
  return new AuditTreeWriter(
    ports,
    { ...DEFAULT_AUDIT_WRITER_LIMITS, checkpointEvents, checkpointMs },
    onError,
    notices,
  );
};

/** For the first start: an operator who learns the key later cannot know that it has always been the same. */
export const pinIt = (keyId: string): string =>
  `The history is signed with the key ${keyId}. Note this fingerprint where nobody can change it who can write to the data ` +
  'folder or the database, and pin it: AUDIT_TRUSTED_KEYS, or `npm run audit -- verify --all --key FINGERPRINT`';

export const pinnedKeys = ({ auditTrustedKeys }: Config): Promise<TrustedKeys> =>
  readTrustedKeys(
    auditTrustedKeys.split(',').flatMap((key) => key.trim() || []),
    'AUDIT_TRUSTED_KEYS',
  );
