/** What the agent of the trial remembers of each idempotency key, and how it is asked for it. */
export type Call = Readonly<{
  execution: string;
  step: string;
  attempt: number;
  /** Milliseconds since 1970. */
  at: number;
  fault: string;
  /** Before which the answer asked not to be called again, in a form that counts (milliseconds since 1970). */
  notBefore: number | null;
  /** Other calls under the same key that were under way when this one came. */
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
