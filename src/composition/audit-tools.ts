/** What the command line verifies with. Joins the servers of an application that runs, or starts its own. */
import { inOrder } from '../application/audit/finding.js';
import { readPresent, tombstonesOf } from '../application/audit/tombstones.js';
import { verifyArtifacts, verifyArtifactsOf } from '../application/audit/verify-artifacts.js';
import { verifyCheckpoints } from '../application/audit/verify-checkpoints.js';
import { verifyLog } from '../application/audit/verify-log.js';
import { verifyStream } from '../application/audit/verify-stream.js';
import { WEBHOOK_STREAM_PREFIX } from '../domain/webhook/webhook.js';
import { workflowStream } from '../domain/workflow/index.js';
import { CheckpointFile } from '../infrastructure/audit/checkpoint-file.js';
import { readConfig } from '../infrastructure/config/configuration.js';
import { StoredLog } from '../infrastructure/embedded-eventstore/index.js';
import { PostgresArtifactStore } from '../infrastructure/postgres/postgres-artifact-store.js';
import { PostgresAuditTree } from '../infrastructure/postgres/postgres-audit-tree.js';
import { trustedKeys } from './audit.js';
import { startPlatform } from './platform.js';

export type AuditTools = Awaited<ReturnType<typeof openForAudit>>;

/** Of what the settings say. @throws ConfigurationError */
export const openForAudit = async () => {
  const config = readConfig();
  const platform = await startPlatform(config, { tell: () => undefined });
  const { dataSource, close } = platform;
  const isEmbedded = config.eventstoreUrl === undefined;
  const log = isEmbedded ? new StoredLog((sql, values) => dataSource.query(sql, [...values])) : platform.log;
  const tree = new PostgresAuditTree(dataSource);
  const outside = new CheckpointFile(config.auditCheckpointFile!);
  const artifactStore = new PostgresArtifactStore(dataSource);
  const keys = await trustedKeys(config);
  return {
    file: config.auditCheckpointFile!,
    close,
    verifyAll: async () => {
      const checkpoints = await verifyCheckpoints({ log, outside, keys });
      const verified = await verifyLog({ log, tree }, checkpoints.trusted);
      const artifacts = await verifyArtifacts(log, artifactStore);
      const tombstones = await tombstonesOf(log, WEBHOOK_STREAM_PREFIX);
      const found = [verified.findings, checkpoints.findings, artifacts.findings, tombstones];
      const findings = inOrder(found.flat());
      return { checkpoints, log: verified, artifacts, findings };
    },
    verifyExecution: async (execution: string) => {
      const verified = await verifyStream({ log, tree, keys }, workflowStream(execution));
      const artifacts = await verifyArtifactsOf(
        (await readPresent(log, workflowStream(execution))).events,
        artifactStore,
      );
      return { ...verified, artifacts, findings: inOrder([...verified.findings, ...artifacts.findings]) };
    },
    /** @throws while an application keeps the tree */
    clearTree: async () => {
      const session = await tree.tryLead();
      if (!session) throw new Error('An application keeps the tree at this moment: stop it first');
      await session.clear().finally(() => session.close());
    },
  };
};
