/** What the agent of the trial records for each idempotency key, and how the trial reads it. */
export type Call = Readonly<{
  execution: string;
  step: string;
  attempt: number;
  /** Milliseconds since 1970. */
  at: number;
  fault: string;
  /** The time before which the answer forbids another call, in a valid form (milliseconds since 1970). */
  notBefore: number | null;
  /** Other calls under the same key that were in flight when this call arrived. */
  besides: number;
}>;

export type Entry = Readonly<{
  key: string;
  calls: readonly Call[];
  /** How often the effect was made: once, whatever happened to the answers. */
  effects: number;
  /** The value that every answer under this key carries, once the effect was made. */
  output: string | null;
}>;

export type Ledger = readonly Entry[];
