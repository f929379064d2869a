/** Every environment variable there is, with its default. The names are a contract; `.env.example` describes each. */
import { z } from 'zod';
import {
  databaseUrl,
  eventStoreUrl,
  flag,
  host,
  hostNames,
  oneOf,
  origins,
  ports,
  roleNames,
  secret,
  someOf,
  text,
  trustedProxies,
  variableNames,
  webUrl,
  webUrls,
  whole,
  wholeIfSet,
} from './variable.js';

/** Variables of one agent: AGENT_<NAME>_RATE_CALLS sets for one agent what AGENT_RATE_CALLS sets for all. */

export const AGENT_BOUNDS = [
  'MAX_CONCURRENT_CALLS',
  'RATE_CALLS',
  'RATE_WINDOW_MS',
  'CIRCUIT_FAILURES',
  'CIRCUIT_FAILURE_PERCENT',
  'CIRCUIT_MIN_CALLS',
  'CIRCUIT_WINDOW_MS',
  'CIRCUIT_COOL_DOWN_MS',
] as const;

type Bound = (typeof AGENT_BOUNDS)[number];

/** What bounds an agent, by the end of its variable's name. */
export type AgentBoundValues = Readonly<{ [Name in Bound]: Variables[`AGENT_${Name}`] }>;

const OF_ONE_AGENT = new RegExp(`^AGENT_([A-Z][A-Z0-9_]{0,63})_(${AGENT_BOUNDS.join('|')})$`);

/** Undefined for any other variable. `agent` is in upper case, with _ for - . */
export const agentBound = (name: string): Readonly<{ agent: string; bound: Bound }> | undefined => {
  const [, agent, bound] = OF_ONE_AGENT.exec(name) ?? [];
  return agent === undefined ? undefined : { agent, bound: bound as Bound };
};

/** What calls of one agent carry: AGENT_<NAME>_HEADERS and so on. There is none for all agents. */
export const AGENT_CREDENTIALS = ['HEADERS', 'HEADERS_FILE', 'TOKEN_FILE', 'SIGNING_SECRET_FILE'] as const;

type AgentCredential = (typeof AGENT_CREDENTIALS)[number];

/** Of one agent, as they are set: headers themselves, or paths of files. No secret is in it. */
export type AgentCredentialValues = Readonly<Partial<Record<AgentCredential, string>>>;

const CREDENTIAL_OF_ONE_AGENT = new RegExp(`^AGENT_([A-Z][A-Z0-9_]{0,63})_(${AGENT_CREDENTIALS.join('|')})$`);

/** As `agentBound`. */
export const agentCredential = (name: string): Readonly<{ agent: string; credential: AgentCredential }> | undefined => {
  const [, agent, credential] = CREDENTIAL_OF_ONE_AGENT.exec(name) ?? [];
  return agent === undefined ? undefined : { agent, credential: credential as AgentCredential };
};

const KIB = 1024;
const MIB = 1024 * KIB;
const MEMBERS = { min: 100, max: 10_000_000 };
/** 0: no limit. */
const RATE = { min: 0, max: 1_000_000 };
const BODY = { min: KIB, max: 1024 * MIB };

/** What `REQUIRE_REASON` may name. */
// prettier-ignore
export const ACTIONS_WITH_REASONS = ['pause', 'resume', 'retry', 'cancel', 'next_step', 'remaining', 'hold', 'release'] as const;

export const variables = z.object({
  HOST: host('127.0.0.1'),
  PORT: whole('', 3000, { min: 0, max: 65_535 }),
  PUBLIC_URL: webUrl(),
  ALLOWED_HOSTS: hostNames(),
  ALLOWED_ORIGINS: origins(),
  TLS_CERT_FILE: text('a file', undefined),
  TLS_KEY_FILE: text('a file', undefined),
  TRUSTED_PROXY: trustedProxies(),
  AUTH: oneOf(['local', 'keys', 'oidc'], 'local'),
  REGULATED: flag(false),
  ACCESS_MAX_KEYS: whole('keys', 1000, { max: 100_000 }),
  ACCESS_MAX_GRANTS: whole('grants', 10_000, { max: 1_000_000 }),
  ACCESS_MAX_BLOCKED: whole('persons', 10_000, { max: 1_000_000 }),
  OIDC_ISSUER: text('an https URL, as the provider names itself', undefined),
  OIDC_CLIENT_ID: text('the id of this installation with the provider', undefined),
  OIDC_CLIENT_SECRET_FILE: text('a file', undefined),
  OIDC_AUDIENCE: text('the audience of access tokens', undefined),
  OIDC_SCOPES: text('scopes with spaces between', 'openid profile email'),
  OIDC_ROLES_CLAIM: text('the name of a claim', 'roles'),
  OIDC_ROLE_NAMES: roleNames(),
  OIDC_PROJECTS_CLAIM: text('the name of a claim', undefined),
  OIDC_NAME_CLAIM: text('the name of a claim', 'name'),
  OIDC_TIMEOUT_MS: whole('milliseconds', 5000, { min: 100, max: 60_000 }),
  SESSION_LIFETIME_MINUTES: whole('minutes', 720, { max: 43_200 }),
  SESSION_IDLE_MINUTES: whole('minutes', 60, { max: 43_200 }),
  ACCESS_LOG: oneOf(['off', 'debug', 'log'], 'log'),
  LOG_LEVEL: oneOf(['fatal', 'error', 'warn', 'log', 'debug', 'verbose'], 'log'),

  ALLOW_UNKNOWN_SETTINGS: variableNames(),

  REQUIRE_REASON: someOf(ACTIONS_WITH_REASONS),

  DATA_DIR: text('a directory', './data'),
  DEFINITIONS_DIR: text('a directory', './definitions'),
  PROJECTS_DIR: text('a directory', './examples'),
  DATABASE_URL: databaseUrl(),
  DATABASE_PASSWORD_FILE: text('a file', undefined),
  DATABASE_POOL_SIZE: whole('connections', 10, { min: 2, max: 1000 }),
  DATABASE_MAX_CONNECTIONS: wholeIfSet('connections', { max: 10_000 }),
  EVENTSTORE_URL: eventStoreUrl(),
  EVENTSTORE_PASSWORD_FILE: text('a file', undefined),
  EVENTSTORE_MAX_APPEND_BYTES: whole('bytes', MIB, { min: 128 * KIB, max: 64 * MIB }),
  START_WAIT_MS: whole('milliseconds', 60_000, { min: 0, max: 3_600_000 }),

  AGENTS_MODULE: text('a module, such as ./my-agents.js', undefined),
  AGENT_BASE_URL: webUrl(),
  AGENT_MAX_REQUEST_BYTES: whole('bytes', 32 * MIB, BODY),
  AGENT_MAX_RESPONSE_BYTES: whole('bytes', 16 * MIB, BODY),
  AGENT_MAX_REQUEST_MEMBERS: whole('members', 500_000, MEMBERS),
  AGENT_MAX_RESPONSE_MEMBERS: whole('members', 100_000, MEMBERS),
  AGENT_ROUTES: oneOf(['own', 'open'], 'own'),
  INSTALLATION_URLS: webUrls(),
  AGENT_MAX_RETRY_AFTER_SECONDS: whole('seconds', 3600, { max: 86_400 }),
  AGENT_MAX_CONCURRENT_CALLS: whole('calls', 64, { max: 10_000 }),
  AGENT_RATE_CALLS: whole('calls', 0, { min: 0, max: 1_000_000 }),
  AGENT_RATE_WINDOW_MS: whole('milliseconds', 1000, { max: 86_400_000 }),
  AGENT_CIRCUIT_FAILURES: whole('failures', 10, { min: 0, max: 10_000 }),
  AGENT_CIRCUIT_FAILURE_PERCENT: whole('per cent', 50, { min: 0, max: 100 }),
  AGENT_CIRCUIT_MIN_CALLS: whole('calls', 20, { max: 10_000 }),
  AGENT_CIRCUIT_WINDOW_MS: whole('milliseconds', 60_000, { min: 100, max: 86_400_000 }),
  AGENT_CIRCUIT_COOL_DOWN_MS: whole('milliseconds', 10_000, { min: 10, max: 86_400_000 }),

  RATE_ADDRESS_REQUESTS_PER_SECOND: wholeIfSet('requests', RATE),
  RATE_REQUESTS_PER_SECOND: wholeIfSet('requests', RATE),
  RATE_STARTS_PER_MINUTE: wholeIfSet('starts', RATE),
  MAX_STREAMS_PER_PRINCIPAL: wholeIfSet('streams', RATE),
  MAX_SOCKETS_PER_ADDRESS: wholeIfSet('connections', RATE),
  MAX_CONNECTIONS: whole('connections', 10_000, { max: 1_000_000 }),
  HEADERS_TIMEOUT_MS: whole('milliseconds', 60_000, { min: 1000, max: 86_400_000 }),
  REQUEST_TIMEOUT_MS: whole('milliseconds', 300_000, { min: 1000, max: 86_400_000 }),
  BODY_LIMIT_BYTES: whole('bytes', MIB, BODY),
  BODY_LIMIT_MEMBERS: whole('members', 100_000, MEMBERS),
  JSON_THREADS: whole('threads', 2, { max: 64 }),
  JSON_MAX_WAITING: whole('texts', 200, { max: 100_000 }),
  METADATA_LIMIT_BYTES: whole('bytes', 64 * KIB, { max: BODY.max }),
  INLINE_OUTPUT_BYTES: whole('bytes', 65_536, { min: 0, max: 512 * KIB }),

  KEPT_ANSWERS_MEMORY_BYTES: whole('bytes', 64 * MIB, { min: 0, max: 64 * 1024 * MIB }),
  KEPT_ANSWERS_DISK_BYTES: whole('bytes', 1024 * MIB, { min: 0, max: 1024 * 1024 * MIB }),
  KEPT_ANSWERS_HOURS: whole('hours', 72, { max: 8760 }),

  MAX_WAITING_READS: whole('reads', 1000, { min: 0, max: 100_000 }),
  MAX_WAITING_EXECUTIONS: whole('executions', 10_000, { max: 10_000_000 }),
  SAGA_MAX_CONCURRENT_STEPS: whole('steps', 64, { max: 10_000 }),
  SAGA_SWEEP_INTERVAL_MS: whole('milliseconds', 2000, { min: 100 }),
  SAGA_SWEEP_BATCH: whole('executions', 500, { max: 100_000 }),
  WORKER_HEARTBEAT_MS: whole('milliseconds', 3000, { min: 100 }),
  WORKER_TIMEOUT_MS: whole('milliseconds', 15_000, { min: 200 }),
  HEAP_ROOM_BYTES: whole('bytes', 60 * MIB, { min: 0 }),
  HEAP_MAX_ROOM_BYTES: whole('bytes', 112 * MIB, { min: 0 }),
  FOLD_CACHE_EXECUTIONS: whole('executions', 2_000, { min: 0, max: 1_000_000 }),
  PROJECTION_BATCH: whole('events', 500, { max: 100_000 }),
  DRIFT_CHECK_INTERVAL_MS: whole('milliseconds', 1000, { min: 0, max: 86_400_000 }),
  REBUILD_BATCH: whole('events', 500, { max: 100_000 }),
  REBUILD_PAUSE_MS: whole('milliseconds', 5, { min: 0, max: 60_000 }),
  REBUILD_FOLDED_BYTES: whole('bytes', 32 * MIB, { min: 64 * KIB, max: 4096 * MIB }),
  REBUILD_SAMPLES: whole('rows', 20, { min: 0, max: 1000 }),
  REBUILD_LOCK_TIMEOUT_MS: whole('milliseconds', 500, { min: 10, max: 10_000 }),
  APPEND_TIMEOUT_MS: whole('milliseconds', 2500, { min: 100 }),
  ORDER_TIMEOUT_MS: whole('milliseconds', 5000, { min: 100, max: 60_000 }),
  HEALTH_PROBE_MS: whole('milliseconds', 10_000, { min: 100, max: 3_600_000 }),
  HEALTH_STALLED_MS: whole('milliseconds', 60_000, { min: 1_000, max: 86_400_000 }),
  MAX_OPEN_STREAMS: whole('streams', 2000, { min: 0, max: 100_000 }),
  STREAM_HEARTBEAT_MS: whole('milliseconds', 15_000, { min: 100, max: 3_600_000 }),
  STREAM_RETRY_MS: whole('milliseconds', 2000, { min: 10, max: 3_600_000 }),
  STREAM_BUFFER_BYTES: whole('bytes', 256 * KIB, { min: 64 * KIB, max: BODY.max }),
  STREAM_BUFFER_EVENTS: whole('events', 1000, { max: 100_000 }),
  STREAM_CATCH_UP_EVENTS: whole('events', 10_000, { max: 10_000_000 }),
  STREAM_STALLED_MS: whole('milliseconds', 30_000, { min: 100, max: 3_600_000 }),
  AUDIT_SIGNING_KEY: secret('an Ed25519 private key, or a file with one'),
  AUDIT_TRUSTED_KEYS: text('fingerprints of keys, public keys or files with either, with commas between', ''),
  AUDIT_CHECKPOINT_FILE: text('a file', undefined),
  AUDIT_CHECKPOINT_EVENTS: whole('events', 10_000, { max: 10_000_000 }),
  AUDIT_CHECKPOINT_MS: whole('milliseconds', 10_000, { min: 100 }),

  REALTIME_API_KEY: secret('a key'),
  REALTIME_MAX_CONNECTIONS: whole('connections', 5000, { max: 1_000_000 }),
  REALTIME_MAX_CHANNELS: whole('channels', 100, { max: 10_000 }),
  REALTIME_MAX_SUBSCRIPTIONS: whole('subscriptions', 100, { max: 10_000 }),
  REALTIME_MAX_MESSAGES_PER_SECOND: whole('messages', 250, { max: 1_000_000 }),
  REALTIME_MAX_FRAME_BYTES: whole('bytes', 64 * KIB, { min: KIB, max: 16 * MIB }),
  REALTIME_MAX_FRAME_MEMBERS: whole('members', 5000, { min: 100, max: 1_000_000 }),
  REALTIME_MAX_FILTER_STEPS: whole('steps', 10_000, { max: 10_000_000 }),
  REALTIME_MAX_FILTER_STEPS_IN_ALL: whole('steps', 500_000, { max: 100_000_000 }),
  REALTIME_FILTER_WORK_PER_SECOND: whole('steps', 1_000_000, { min: 1000 }),
  REALTIME_FILTER_WORK_PER_SECOND_IN_ALL: whole('steps', 5_000_000, { min: 1000 }),
  REALTIME_MAX_BUFFER_BYTES: whole('bytes', 4 * MIB, BODY),
  REALTIME_JOIN_TIMEOUT_MS: whole('milliseconds', 30_000, { min: 100 }),
  REALTIME_SILENCE_TIMEOUT_MS: whole('milliseconds', 60_000, { min: 100 }),

  WEBHOOK_ALLOW_PRIVATE_TARGETS: flag(false),
  WEBHOOK_ALLOW_HTTP: flag(false),
  WEBHOOK_ALLOWED_PORTS: ports([443, 80]),
  WEBHOOK_MAX_SUBSCRIPTIONS: whole('webhooks', 100, { min: 0, max: 10_000 }),
  WEBHOOK_MAX_CONCURRENT_DELIVERIES: whole('requests', 32, { max: 1000 }),
  WEBHOOK_MAX_CONCURRENT_PER_TARGET: whole('requests', 4, { max: 1000 }),
  WEBHOOK_MAX_CONCURRENT_TO_SILENT: whole('requests', 4, { max: 1000 }),
  WEBHOOK_SLOW_MS: whole('milliseconds', 500, { min: 10, max: 120_000 }),
  WEBHOOK_MAX_SLOW_DELIVERIES: whole('requests', 128, { min: 0, max: 10_000 }),
  WEBHOOK_TIMEOUT_MS: whole('milliseconds', 10_000, { min: 100, max: 120_000 }),
  WEBHOOK_FIRST_RETRY_MS: whole('milliseconds', 5000, { min: 10, max: 3_600_000 }),
  WEBHOOK_GIVE_UP_MS: whole('milliseconds', 86_400_000, { min: 1000, max: 7 * 86_400_000 }),
  WEBHOOK_MAX_QUEUED: whole('deliveries', 10_000, { max: 1_000_000 }),
  WEBHOOK_MAX_BODY_BYTES: whole('bytes', MIB, { min: KIB, max: 16 * MIB }),
  WEBHOOK_KEEP_DAYS: whole('days', 7, { max: 3650 }),
  WEBHOOK_KEEP_DELIVERIES: whole('deliveries', 100_000, { max: 100_000_000 }),

  SHUTDOWN_GRACE_MS: whole('milliseconds', 10_000, { min: 0, max: 20_000 }),
});

export type Variables = z.output<typeof variables>;
export const VARIABLE_NAMES = Object.keys(variables.shape) as readonly (keyof Variables)[];
