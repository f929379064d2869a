/** Who may do what here, and how each credential is checked. */
import { randomBytes } from 'node:crypto';
import { AccessDirectory, AccessDirectoryWatch } from '../application/access/access-directory.js';
import { AccessLog } from '../application/access/access-log.js';
import { AccessLogPages } from '../application/access/access-log-pages.js';
import { AccessOrders, type OrderRules } from '../application/access/access-orders.js';
import { accessQueryHandlers } from '../application/access/access-queries.js';
import { Authenticator } from '../application/access/authenticator.js';
import { FreshSignIns } from '../application/access/fresh-sign-ins.js';
import { ExecutionProjects } from '../application/access/execution-projects.js';
import { KeyUses } from '../application/access/key-uses.js';
import { accessCommandHandlers } from '../application/commands/access.js';
import { SessionFreshSignIns } from '../application/access/session-fresh-sign-ins.js';
import { ForeignEvents } from '../application/log/foreign-events.js';
import type { Config } from '../infrastructure/config/config.js';
import { PostgresKeyUses } from '../infrastructure/postgres/access/postgres-key-uses.js';
import { PostgresProjectsInTables } from '../infrastructure/postgres/access/postgres-projects.js';
import { readyUnlessAway } from '../infrastructure/postgres/session/pg-client.js';
import { CookieWrites } from '../interfaces/http/access/cookie-writes.js';
import { SignInFlow } from '../interfaces/http/access/sign-in-flow.js';
import { type Dependencies, type Feature, logErrors, tellLog } from './feature.js';
import { people } from './people.js';

export const access = (dependencies: Dependencies): Feature => {
  const { config, log, clock, ids, dataSource, outages } = dependencies;
  const onError = logErrors('Access', outages);
  const directory = new AccessDirectory({ log, clock, foreign: new ForeignEvents(tellLog('Access')) });
  const watch = new AccessDirectoryWatch(directory, { log, clock, ids }, onError);
  const isOpen = config.auth === 'local';
  const uses = new KeyUses(readyUnlessAway(new PostgresKeyUses(dataSource)), clock, onError);
  const accessLog = new AccessLog({ log, clock, ids }, !isOpen, { onError, notify: tellLog('Access') });
  const orders = new AccessOrders({ directory, clock, ids, random: randomBytes }, orderRules(config));
  const onKeyUsed = (keyId: string) => uses.note(keyId);
  const known = people(dependencies, directory, accessLog);
  const ports = { directory, clock, people: known?.people, onKeyUsed };
  return {
    providers: [
      { provide: AccessDirectory, useValue: directory },
      { provide: Authenticator, useValue: new Authenticator(config.auth, ports) },
      { provide: SignInFlow, useValue: known?.flow ?? new SignInFlow(null, new CookieWrites()) },
      { provide: FreshSignIns, useValue: new SessionFreshSignIns(known?.sessions ?? null) },
      {
        provide: ExecutionProjects,
        useValue: new ExecutionProjects(log, readyUnlessAway(new PostgresProjectsInTables(dataSource))),
      },
      { provide: AccessOrders, useValue: orders },
      { provide: KeyUses, useValue: uses },
      { provide: AccessLog, useValue: accessLog },
      { provide: AccessLogPages, useValue: new AccessLogPages({ log, clock }) },
      ...accessCommandHandlers,
      ...accessQueryHandlers,
    ],
    // Before the first request can be answered. Mode `local` asks nobody: a log that is away then stops no start.
    listen: async () => {
      if (isOpen) return;
      await watch.start();
      uses.start();
      accessLog.start();
    },
    start: () => known?.start(),
    stop: async () => {
      await known?.stop();
      await watch.stop();
      if (isOpen) return;
      await Promise.all([uses.stop(), accessLog.stop()]);
    },
  };
};

/** Over REST. Whoever works on the machine itself is bound by the limits alone. */
const orderRules = (config: Config): OrderRules => ({
  limits: directoryLimits(config),
  administrators: config.auth === 'oidc' ? 'keys and persons' : 'keys',
  isOpen: config.auth === 'local',
});

export const directoryLimits = (config: Config): OrderRules['limits'] => ({
  keys: config.accessMaxKeys,
  grants: config.accessMaxGrants,
  blocked: config.accessMaxBlocked,
});
