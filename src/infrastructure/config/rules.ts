/** Values that are right alone and wrong together. */
import { isAbsolute, relative, resolve, sep } from 'node:path';
import { connectionShares } from './connections.js';
import { ACTIONS_WITH_REASONS, type Variables } from './variables.js';

export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127(\.\d{1,3}){3}$/.test(host);
}

/** @param directory against which relative paths are read */
export function contradictions(values: Variables, directory = process.cwd()): readonly string[] {
  const problems: string[] = [...listening(values), ...regulated(values, directory)];
  if (values.AUTH !== 'local' && values.REALTIME_API_KEY !== undefined) {
    problems.push(
      `REALTIME_API_KEY: expected none with AUTH=${values.AUTH}, since Supabase clients give an API key of their own or a token there. Remove it.`,
    );
  }
  if (values.WORKER_TIMEOUT_MS < 2 * values.WORKER_HEARTBEAT_MS) {
    problems.push(
      `WORKER_TIMEOUT_MS: expected at least twice WORKER_HEARTBEAT_MS (${values.WORKER_HEARTBEAT_MS}), or a live worker is taken for dead; got "${values.WORKER_TIMEOUT_MS}".`,
    );
  }
  if (values.HEADERS_TIMEOUT_MS > values.REQUEST_TIMEOUT_MS) {
    problems.push(
      `HEADERS_TIMEOUT_MS: expected at most REQUEST_TIMEOUT_MS (${values.REQUEST_TIMEOUT_MS}), since headers are part of a request; got "${values.HEADERS_TIMEOUT_MS}".`,
    );
  }
  if (values.METADATA_LIMIT_BYTES > values.BODY_LIMIT_BYTES) {
    problems.push(
      `METADATA_LIMIT_BYTES: expected at most BODY_LIMIT_BYTES (${values.BODY_LIMIT_BYTES}), since metadata comes in the body; got "${values.METADATA_LIMIT_BYTES}".`,
    );
  }
  if (values.INLINE_OUTPUT_BYTES > values.EVENTSTORE_MAX_APPEND_BYTES / 2) {
    const half = Math.floor(values.EVENTSTORE_MAX_APPEND_BYTES / 2);
    problems.push(
      `INLINE_OUTPUT_BYTES: expected at most ${half}, half of EVENTSTORE_MAX_APPEND_BYTES, since a step's output shares its append with the agent's metadata and the next step; got "${values.INLINE_OUTPUT_BYTES}".`,
    );
  }
  const { DATABASE_MAX_CONNECTIONS: most } = values;
  const { least } = connectionShares(values);
  if (most !== undefined && most < least) {
    problems.push(
      `DATABASE_MAX_CONNECTIONS: expected at least ${least}, which is what one process needs; got "${most}".`,
    );
  }
  return problems;
}

/** Beyond loopback everyone is asked who they are, and no credential crosses the network in clear. */
function listening(values: Variables): readonly string[] {
  const { HOST, AUTH, TLS_CERT_FILE: cert, TLS_KEY_FILE: key, TRUSTED_PROXY } = values;
  if ((cert === undefined) !== (key === undefined)) {
    const [missing, given] = cert === undefined ? ['TLS_CERT_FILE', 'TLS_KEY_FILE'] : ['TLS_KEY_FILE', 'TLS_CERT_FILE'];
    return [`${missing}: expected a file, since ${given} is set and TLS needs both; got none.`];
  }
  if (isLoopback(HOST)) return [];
  if (AUTH === 'local') {
    return [
      `HOST: expected a loopback address (127.0.0.1, ::1 or localhost), since AUTH=local asks nobody who they are; got "${HOST}". ` +
        'Keep the default, or set AUTH=keys or AUTH=oidc.',
    ];
  }
  if (cert !== undefined || TRUSTED_PROXY.length > 0) return [];
  return [
    `HOST: expected a loopback address, or TLS in front of "${HOST}", since credentials would cross the network in clear. ` +
      'Set TLS_CERT_FILE and TLS_KEY_FILE, or TRUSTED_PROXY to the addresses of the proxy that ends TLS.',
  ];
}

/** Records that have to stand up before an inspector: every missing part at once. */
function regulated(values: Variables, directory: string): readonly string[] {
  if (!values.REGULATED) return [];
  const missing: string[] = [];
  if (values.AUTH !== 'oidc') missing.push(`AUTH=oidc (got "${values.AUTH}")`);
  if (values.AUDIT_TRUSTED_KEYS === '') missing.push('AUDIT_TRUSTED_KEYS (got none)');
  const { AUDIT_CHECKPOINT_FILE: file, DATA_DIR } = values;
  if (file === undefined || isWithin(resolve(directory, DATA_DIR), resolve(directory, file)))
    missing.push(`AUDIT_CHECKPOINT_FILE outside DATA_DIR (got ${file === undefined ? 'none' : `"${file}"`})`);
  const unreasoned = ACTIONS_WITH_REASONS.filter((action) => !values.REQUIRE_REASON.includes(action));
  if (unreasoned.length > 0) missing.push(`REQUIRE_REASON with ${unreasoned.join(',')} too`);
  return missing.length === 0 ? [] : [`REGULATED: expected with it ${missing.join('; ')}.`];
}

const isWithin = (directory: string, file: string): boolean => {
  const path = relative(directory, file);
  return !isAbsolute(path) && path !== '..' && !path.startsWith(`..${sep}`);
};

type Told = Readonly<{ auth: Variables['AUTH']; publicUrl?: string | undefined; tlsCertFile?: string | undefined }> &
  Readonly<{ trustedProxy: readonly string[] }>;

/** What is allowed, and what an operator should still see in the log. */
export function startupWarnings({ auth, publicUrl, tlsCertFile, trustedProxy }: Told): readonly string[] {
  if (auth === 'local' || publicUrl === undefined || tlsCertFile !== undefined || trustedProxy.length > 0) return [];
  return [
    `PUBLIC_URL=${publicUrl} names a proxy, and TRUSTED_PROXY none: all clients count as one address, and share its limits. ` +
      "Set TRUSTED_PROXY to the proxy's address.",
  ];
}
