/** Who may do what here, and how each credential is checked. */
import { AccessDirectory, AccessDirectoryWatch } from '../application/access/access-directory.js';
import { Authenticator } from '../application/access/authenticator.js';
import { FreshSignIns } from '../application/access/fresh-sign-ins.js';
import { NoFreshSignIns } from '../application/access/no-fresh-sign-ins.js';
import { ExecutionProjects } from '../application/access/execution-projects.js';
import { ForeignEvents } from '../application/log/foreign-events.js';
import type { DirectoryLimits } from '../domain/access/directory.js';
import type { Config } from '../infrastructure/config/config.js';
import { PostgresProjectsInTables } from '../infrastructure/postgres/access/postgres-projects.js';
import { type Dependencies, type Feature, logErrors, tellLog } from './feature.js';

export const access = ({ config, log, clock, ids, dataSource, outages }: Dependencies): Feature => {
  const directory = new AccessDirectory({ log, clock, foreign: new ForeignEvents(tellLog('Access')) });
  const watch = new AccessDirectoryWatch(directory, { log, clock, ids }, logErrors('Access', outages));
  return {
    providers: [
      { provide: AccessDirectory, useValue: directory },
      { provide: Authenticator, useValue: new Authenticator(config.auth, { directory, clock }) },
      { provide: FreshSignIns, useValue: new NoFreshSignIns() },
      {
        provide: ExecutionProjects,
        useValue: new ExecutionProjects(log, new PostgresProjectsInTables(dataSource)),
      },
    ],
    // Before the first request can be answered. Mode `local` asks nobody: a log that is away then stops no start.
    listen: () => (config.auth === 'local' ? undefined : watch.start()),
    stop: () => watch.stop(),
  };
};

export const directoryLimits = (config: Config): DirectoryLimits => ({
  keys: config.accessMaxKeys,
  grants: config.accessMaxGrants,
  blocked: config.accessMaxBlocked,
});
