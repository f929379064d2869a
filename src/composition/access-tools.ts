/** What `npm run access` works with, on the machine itself: it joins the servers of an application that runs, or starts its own. */
import { randomBytes } from 'node:crypto';
import { userInfo } from 'node:os';
import { AccessDirectory } from '../application/access/access-directory.js';
import { newKey } from '../application/access/api-keys.js';
import type { CommandContext } from '../application/log/envelope.js';
import type { DirectoryCommand } from '../domain/access/directory.js';
import type { Grant } from '../domain/access/grants.js';
import { readConfig } from '../infrastructure/config/configuration.js';
import { SystemClock, SystemIds } from '../infrastructure/system/clock-and-ids.js';
import { directoryLimits } from './access.js';
import { guardedLog } from './guarded-log.js';
import { startPlatform } from './platform.js';

export type AccessTools = Awaited<ReturnType<typeof openForAccess>>;

type KeyRequest = Readonly<{ name: string; grants: readonly Grant[]; expiresAt: Date | null; reason: string | null }>;

export const openForAccess = async () => {
  const config = readConfig();
  const [clock, ids] = [new SystemClock(), new SystemIds()];
  const platform = await startPlatform(config, { tell: () => undefined });
  const { log } = guardedLog(platform, clock, ids, () => undefined);
  const directory = new AccessDirectory({ log, clock });
  const limits = directoryLimits(config);
  // Whoever may run this may read and write the log anyway: the account of the machine is what is known of them.
  const by = { type: 'system', id: `cli:${userInfo().username}` } as const;
  const context = (reason: string | null): CommandContext => ({
    ...{ commandId: ids.uuid(), at: clock.now(), actor: by, reason, causationId: null, traceparent: null },
  });
  const execute = (command: DirectoryCommand, reason: string | null) => directory.execute(command, context(reason));
  return {
    close: platform.close,
    directory: () => directory.refresh(),
    /** @returns the key, which is nowhere else */
    createKey: async ({
      name,
      grants,
      expiresAt,
      reason,
    }: KeyRequest): Promise<Readonly<{ id: string; key: string }>> => {
      const { id, secretHash, key } = newKey((bytes) => randomBytes(bytes));
      const at = clock.now().toISOString();
      const data = {
        id,
        name,
        secretHash,
        grants,
        expiresAt: expiresAt?.toISOString() ?? null,
        by,
        reason,
        at,
        limits,
      };
      await execute({ type: 'CreateApiKey', data }, reason);
      return { id, key };
    },
    now: () => clock.now(),
  };
};
