/** Values that are right alone and wrong together. */
import { connectionShares } from './connections.js';
import type { Variables } from './variables.js';

export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127(\.\d{1,3}){3}$/.test(host);
}

export function contradictions(values: Variables): readonly string[] {
  const problems: string[] = [];
  if (!isLoopback(values.HOST) && values.AUTH === 'local' && !values.ALLOW_UNAUTHENTICATED_NETWORK) {
    problems.push(
      `HOST: expected a loopback address (127.0.0.1, ::1 or localhost), since AUTH=local asks nobody who they are; got "${values.HOST}". ` +
        'Keep the default, or set AUTH=keys or AUTH=oidc; or set ALLOW_UNAUTHENTICATED_NETWORK=true to let everyone who reaches the port start and control workflows.',
    );
  }
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

/** What is allowed, and what an operator should still see in the log. */
export function startupWarnings(config: Readonly<{ host: string; auth: Variables['AUTH'] }>): readonly string[] {
  return isLoopback(config.host) || config.auth !== 'local'
    ? []
    : [
        `ALLOW_UNAUTHENTICATED_NETWORK=true and HOST=${config.host}: requests are not authenticated, so everyone who reaches the port may start, control and read workflows.`,
      ];
}
