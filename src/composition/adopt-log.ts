/** What `npm run eventstore:adopt` works with. It joins a node that runs, or starts its own; instances have to be stopped. */
import { adoptLog } from '../application/log/adopt-log.js';
import { TREE_HEAD_STREAM } from '../application/audit/audited-log.js';
import { treeHeadHash, readTreeHead } from '../application/audit/signed-tree-head.js';
import { projections } from '../application/projections/index.js';
import { TreeHeadFile } from '../infrastructure/audit/tree-head-file.js';
import { readConfig } from '../infrastructure/config/configuration.js';
import { PostgresAuditTree } from '../infrastructure/postgres/audit/postgres-audit-tree.js';
import { PostgresLogAdoptions } from '../infrastructure/postgres/log/postgres-log-adoptions.js';
import { PostgresLogMemory } from '../infrastructure/postgres/log/postgres-log-memory.js';
import { PostgresProjectionStore } from '../infrastructure/postgres/projections/postgres-projection-store.js';
import { PostgresRebuildStore } from '../infrastructure/postgres/rebuild/postgres-rebuild-store.js';
import { DEFAULT_LEASE_LIMITS } from '../infrastructure/postgres/session/lease.js';
import { PostgresWebhookQueue } from '../infrastructure/postgres/webhooks/postgres-webhook-queue.js';
import { PostgresWorkers } from '../infrastructure/postgres/workflow/postgres-workers.js';
import { SystemClock, SystemIds } from '../infrastructure/system/clock-and-ids.js';
import { startPlatform } from './platform.js';

export const openAdoption = async () => {
  const config = readConfig();
  const [clock, ids] = [new SystemClock(), new SystemIds()];
  const { dataSource, log, close } = await startPlatform(config, { tell: () => undefined });
  const store = new PostgresProjectionStore(dataSource);
  const [tree, rebuilds] = [new PostgresAuditTree(dataSource), new PostgresRebuildStore(dataSource, store, clock)];
  const queue = new PostgresWebhookQueue(dataSource, { ...DEFAULT_LEASE_LIMITS, queued: config.webhookMaxQueued });
  const adoptions = new PostgresLogAdoptions(
    dataSource,
    new PostgresWorkers(dataSource, config.workerTimeoutMs),
    projections.map(({ table }) => table),
    [() => rebuilds.tryBuild(), () => store.tryLead(), () => tree.tryLead(), () => queue.tryLead()],
  );
  const file = config.auditCheckpointFile!;
  return {
    file,
    close,
    adopt: () => adoptLog({ log, memory: new PostgresLogMemory(dataSource), adoptions, clock, ids }),
    /** Whether the log has the last checkpoint of the file outside: the tree is not signed where it lacks it. */
    hasCheckpointOfFile: async () => {
      const last = await new TreeHeadFile(file).last();
      if (!last) return true;
      const place = { direction: 'forwards', from: BigInt(last.number), limit: 1 } as const;
      const [event] = await log.readPage(TREE_HEAD_STREAM, place);
      return event !== undefined && treeHeadHash(readTreeHead(event.data)) === treeHeadHash(last);
    },
  };
};
