export type HealthCheck = Readonly<{ ok: boolean; detail?: string }>;

export type HealthReport = Readonly<{ ready: boolean; checks: Readonly<Record<string, HealthCheck>> }>;

/** Whether this instance can do its work now. `detail` is shown to whoever asks: no secrets in it. */
export abstract class Health {
  /** Never throws: a check that fails says so in the report. */
  abstract check(): Promise<HealthReport>;
}
