/** Who may do what here, and how each credential is checked. */
import { AccessDirectory, AccessDirectoryWatch } from '../application/access/access-directory.js';
import { Authenticator } from '../application/access/authenticator.js';
import { ExecutionProjects } from '../application/access/execution-projects.js';
import { FreshSignIns } from '../application/access/fresh-sign-ins.js';
import { SessionFreshSignIns } from '../application/access/session-fresh-sign-ins.js';
import { ForeignEvents } from '../application/log/foreign-events.js';
import type { DirectoryLimits } from '../domain/access/directory.js';
import type { Config } from '../infrastructure/config/config.js';
import { PostgresProjectsInTables } from '../infrastructure/postgres/access/postgres-projects.js';
import { CookieWrites } from '../interfaces/http/access/cookie-writes.js';
import { SignInFlow } from '../interfaces/http/access/sign-in-flow.js';
import { type Dependencies, type Feature, logErrors, tellLog } from './feature.js';
import { people } from './people.js';

export const access = (dependencies: Dependencies): Feature => {
  const { config, log, clock, ids, dataSource, outages } = dependencies;
  const directory = new AccessDirectory({ log, clock, foreign: new ForeignEvents(tellLog('Access')) });
  const watch = new AccessDirectoryWatch(directory, { log, clock, ids }, logErrors('Access', outages));
  const known = people(dependencies, directory);
  const authenticator = new Authenticator(config.auth, { directory, clock, people: known?.people });
  return {
    providers: [
      { provide: AccessDirectory, useValue: directory },
      { provide: Authenticator, useValue: authenticator },
      { provide: SignInFlow, useValue: known?.flow ?? new SignInFlow(null, new CookieWrites()) },
      { provide: FreshSignIns, useValue: new SessionFreshSignIns(known?.sessions ?? null) },
      {
        provide: ExecutionProjects,
        useValue: new ExecutionProjects(log, new PostgresProjectsInTables(dataSource)),
      },
    ],
    // Before the first request can be answered. Mode `local` asks nobody: a log that is away then stops no start.
    listen: () => (config.auth === 'local' ? undefined : watch.start()),
    start: () => known?.start(),
    stop: async () => {
      await known?.stop();
      await watch.stop();
    },
  };
};

export const directoryLimits = (config: Config): DirectoryLimits => ({
  keys: config.accessMaxKeys,
  grants: config.accessMaxGrants,
  blocked: config.accessMaxBlocked,
});
