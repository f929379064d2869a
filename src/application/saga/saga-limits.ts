export type SagaLimits = Readonly<{
  /** Agent calls at once on this instance. */
  concurrentSteps: number;
  /** Executions that wait in line for one agent, and timers, kept in memory; the sweep finds whatever exceeds them. */
  remembered: number;
  /** Pause before an execution is looked at again after an error. */
  errorPauseMs: number;
}>;
