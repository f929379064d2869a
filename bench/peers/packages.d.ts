/** What the bench uses of the peers, in types: they are installed by the bench alone, and the types are checked without them. */

declare module '@dbos-inc/dbos-sdk' {
  export const DBOS: {
    setConfig(config: {
      name: string;
      systemDatabaseUrl: string;
      systemDatabasePoolSize: number;
      logLevel: string;
      applicationVersion: string;
    }): void;
    launch(): Promise<void>;
    shutdown(): Promise<void>;
    registerWorkflow<Args extends unknown[], Result>(
      workflow: (...args: Args) => Promise<Result>,
      config: { name: string },
    ): (...args: Args) => Promise<Result>;
    startWorkflow<Args extends unknown[], Result>(
      workflow: (...args: Args) => Promise<Result>,
      params: { workflowID: string },
    ): (...args: Args) => Promise<{ getResult(): Promise<Result> }>;
    runStep<Result>(step: () => Promise<Result>, config: { name: string }): Promise<Result>;
  };
}

/** Of Node 22, which Restate's SDK takes it from. */
interface PromiseConstructor {
  withResolvers?: () => unknown;
}

declare module '@restatedev/restate-sdk' {
  export type WorkflowContext = { run<Result>(name: string, action: () => Promise<Result>): Promise<Result> };
  export function workflow(definition: {
    name: string;
    handlers: { run: (context: WorkflowContext, input: number) => Promise<void> };
  }): object;
  export function serve(options: { services: object[]; port: number }): Promise<number>;
}

declare module 'openworkflow' {
  import type { BackendPostgres } from 'openworkflow/postgres';
  type Step = { run<Result>(config: { name: string }, action: () => Promise<Result>): Promise<Result> };
  export class OpenWorkflow {
    constructor(options: { backend: BackendPostgres });
    defineWorkflow<Input, Output>(
      spec: { name: string },
      workflow: (context: { input: Input; step: Step }) => Promise<Output>,
    ): { run(input: Input, options: { idempotencyKey: string }): Promise<{ workflowRun: { id: string } }> };
    newWorker(options: { concurrency: number }): { start(): Promise<void>; stop(): Promise<void> };
  }
}

declare module 'openworkflow/postgres' {
  export class BackendPostgres {
    static connect(url: string): Promise<BackendPostgres>;
    completeWorkflowRun(params: object): Promise<{ id: string }>;
    stop(): Promise<void>;
  }
}

declare module '@event-driven-io/dumbo' {
  export type SQL = Readonly<{ sql: true }>;
  export function rawSql(text: string): SQL;
  export function sql(text: string, ...values: unknown[]): SQL;
}

declare module '@event-driven-io/emmett-postgresql' {
  import type { Pool } from 'pg';
  import type { SQL } from '@event-driven-io/dumbo';
  export type Projection = Readonly<{ projection: true }>;
  export function postgreSQLRawSQLProjection<Event extends { type: string }>(options: {
    name: string;
    canHandle: string[];
    init: () => SQL;
    evolve: (event: Event) => SQL;
  }): Projection;
  export function getPostgreSQLEventStore(
    connectionString: string,
    options: { projections: { type: 'inline'; projection: Projection }[]; connectionOptions: { pool: Pool } },
  ): {
    schema: { migrate(): Promise<unknown> };
    appendToStream<Event>(
      stream: string,
      events: readonly Event[],
      options: { expectedStreamVersion: bigint | 'STREAM_DOES_NOT_EXIST' },
    ): Promise<{ nextExpectedStreamVersion: bigint }>;
    close(): Promise<void>;
  };
}

declare module 'pg-boss' {
  type Job<Data> = Readonly<{ id: string; data: Data }>;
  export default class PgBoss {
    constructor(options: { connectionString: string; max: number });
    on(event: 'error', tell: (error: Error) => void): this;
    start(): Promise<this>;
    stop(options: { graceful: boolean; wait: boolean }): Promise<void>;
    createQueue(name: string): Promise<void>;
    send(name: string, data: object, options: { retryLimit: number }): Promise<string | null>;
    work<Data>(
      name: string,
      options: { batchSize: number; pollingIntervalSeconds: number },
      handler: (jobs: Job<Data>[]) => Promise<void>,
    ): Promise<string>;
    notifyWorker(id: string): void;
    complete(name: string, id: string, data: object): Promise<void>;
  }
}
