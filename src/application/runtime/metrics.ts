/** Numbers about this process, for the operator's collector. Labels are names from a bounded set: no ids, nothing that users write. */
export abstract class Metrics {
  /** MIME type of what `expose` gives. */
  abstract readonly contentType: string;
  abstract expose(): Promise<string>;
  /** @param route the template, not the path */
  abstract request(method: string, route: string, status: number, seconds: number): void;
}

/** `code` where a client may tell one cause from another. */
export type HealthCheck = Readonly<{ ok: boolean; code?: string; detail?: string }>;

export type HealthReport = Readonly<{ ready: boolean; checks: Readonly<Record<string, HealthCheck>> }>;

/** Whether this instance can do its work now. Any client may read `detail`: no secrets in it. */
export abstract class Health {
  /** Never throws: a check that fails says so in the report. */
  abstract check(): Promise<HealthReport>;
}
