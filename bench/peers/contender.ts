/** What every contender is: six steps in a row, run to their end, and what its store says of them afterwards. */

export const CONTENDERS: readonly string[] = [
  'ours',
  'ours in process',
  'ours x2',
  'restate',
  'dbos',
  'openworkflow',
  'emmett',
  'pg-boss',
];

export type Setup = Readonly<{
  contender: string;
  /** A database of its own, empty. */
  databaseUrl: string;
  /** A directory of its own, empty. */
  directory: string;
  /** Where steps are done by POST; null: they are functions of the process that runs the workflow. */
  agentUrl: string | null;
  /** Workflows under way at the same time. */
  inFlight: number;
  warmUp: number;
  /** Run one after the other, for the latency. */
  alone: number;
  workflows: number;
  /** Roots of other processes that work for it: Postgres, the agent's server. */
  pids: readonly number[];
}>;

export type Engine = Readonly<{
  /** Starts workflow number `workflow`; resolves when its end is stored. */
  run(workflow: number): Promise<void>;
  /** Resolves when nothing of what was run is left to be done. @returns when the last end was stored, Unix ms */
  settled?(): Promise<number>;
  /** The results of the steps in order, by the workflow's number, as the store has them. @throws where it contradicts itself */
  stored(): Promise<ReadonlyMap<number, readonly unknown[]>>;
  /** Its processes, without Postgres; where it has none of its own, the one that makes the load. */
  pids?: readonly number[];
  stop(): Promise<void>;
}>;

export type Start = (setup: Setup) => Promise<Engine>;

export type Measured = Readonly<{
  inFlight: number;
  workflows: number;
  /** Until nothing was left to be done. */
  seconds: number;
  /** Until the last end was stored. */
  completedSeconds: number;
  /** Processor seconds of all its processes meanwhile. */
  cpuSeconds: number;
  /** The highest of its processes together, while workflows were in flight. */
  residentMegabytes: number;
  /** Of each workflow that ran alone, until the client that started it knows of its end. */
  aloneMs: readonly number[];
  /** The same until its end was stored. */
  aloneStoredMs: readonly number[];
  /** Results that were read back from the store and compared. */
  verified: number;
}>;
