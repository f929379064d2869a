/** What `npm run access` works with, on the machine itself: it joins the servers of an application that runs, or starts its own. */
import { randomBytes } from 'node:crypto';
import { userInfo } from 'node:os';
import { AccessDirectory } from '../application/access/access-directory.js';
import { AccessLogPages } from '../application/access/access-log-pages.js';
import { AccessOrders } from '../application/access/access-orders.js';
import type { Caller } from '../application/commands/caller.js';
import { readConfig } from '../infrastructure/config/configuration.js';
import { PostgresKeyUses } from '../infrastructure/postgres/access/postgres-key-uses.js';
import { SystemClock, SystemIds } from '../infrastructure/system/clock-and-ids.js';
import { directoryLimits } from './access.js';
import { guardedLog } from './guarded-log.js';
import { startPlatform } from './platform.js';

export type AccessTools = Awaited<ReturnType<typeof openForAccess>>;

export const openForAccess = async () => {
  const config = readConfig();
  const [clock, ids] = [new SystemClock(), new SystemIds()];
  const platform = await startPlatform(config, { tell: () => undefined });
  const { log } = guardedLog(platform, clock, ids, () => undefined);
  const directory = new AccessDirectory({ log, clock });
  // Whoever may run this may read and write the log anyway: neither a mode nor the last administrator is in their way.
  const rules = { limits: directoryLimits(config), administrators: 'nobody', isOpen: false } as const;
  return {
    close: platform.close,
    now: () => clock.now(),
    orders: new AccessOrders({ directory, clock, ids, random: randomBytes }, rules),
    pages: new AccessLogPages({ log, clock }),
    directory: () => directory.refresh(),
    uses: () => new PostgresKeyUses(platform.dataSource).all(),
    /** The account of the machine is what is known of who runs this. */
    caller: (reason: string | null): Caller => ({
      ...{ actor: { type: 'system', id: `cli:${userInfo().username}` }, reason },
      ...{ idempotencyKey: null, traceparent: null },
    }),
  };
};
