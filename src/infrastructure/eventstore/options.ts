export type EventStoreDbOptions = Readonly<{
  /** `esdb://host:2113?tls=false`, or any other form that the client takes. */
  url: string;
  /** After this time the outcome of an append is not known. Default 5 000 ms. */
  appendTimeoutMs?: number;
  /** Calls over which appends go side by side. Default 16. */
  appendCalls?: number;
  /** For each page of a read. Default 10 000 ms. */
  readTimeoutMs?: number;
  /** A subscription that does not hear of an event in the log for this long is lost; one with nothing to hear is not. Default 60 000 ms. */
  silenceMs?: number;
  /** Events of one page of a read. Default 500. */
  pageEvents?: number;
  /** A stream with more events is not read. Default 100 000. */
  maxStreamEvents?: number;
}>;

export type EventStoreDbLimits = Readonly<Required<EventStoreDbOptions>>;

const DEFAULTS = {
  appendTimeoutMs: 5_000,
  appendCalls: 16,
  readTimeoutMs: 10_000,
  silenceMs: 60_000,
  pageEvents: 500,
  maxStreamEvents: 100_000,
};

export function withDefaults(options: EventStoreDbOptions): EventStoreDbLimits {
  const given = Object.entries(options).filter(([, value]) => value !== undefined);
  return { ...DEFAULTS, ...(Object.fromEntries(given) as EventStoreDbOptions) };
}
