import type { OnError } from '../application/runtime/errors.js';
/** What the command line does with the read tables: the same parts as an instance, without its API and its steps. */
import { reasonOf } from '../application/runtime/errors.js';
import { SystemClock } from '../infrastructure/system/system-clock.js';
import { SystemIds } from '../infrastructure/system/system-ids.js';
import { readConfig } from '../infrastructure/config/configuration.js';
import { startPlatform } from './platform.js';
import { projectionAdmin } from './projection-admin.js';

export type ProjectionTools = Awaited<ReturnType<typeof openProjectionTools>>;

const toStderr: OnError = (message, error) => void process.stderr.write(`${message}: ${reasonOf(error)}\n`);

/** Joins the servers of a running application, or starts them. */
export const openProjectionTools = async (onError: OnError = toStderr) => {
  const config = readConfig();
  const [clock, ids] = [new SystemClock(), new SystemIds()];
  const platform = await startPlatform(config, { tell: () => undefined });
  const { dataSource, log } = platform;
  const admin = projectionAdmin({ config, dataSource, log, clock, ids }, onError);
  let isLeading = false;
  return {
    ...{ admin, log, clock, ids },
    /** Takes its part in the work, in the place of an application where none runs. */
    lead: () => {
      if (isLeading) return;
      isLeading = true;
      admin.runner.start();
      admin.rebuilder.start();
    },
    close: async () => {
      if (isLeading) await Promise.all([admin.rebuilder.stop(), admin.runner.stop()]);
      await platform.close();
    },
  };
};
