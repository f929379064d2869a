/** Written out here, not taken from the source: a type that is lost there has to be missed by a test. */
export const EVENT_TYPES = [
  'NextStepRequested',
  'RemainingStepsRequested',
  'StepCompleted',
  'StepDeferred',
  'StepFailed',
  'StepInterrupted',
  'StepProgressed',
  'StepRetryRequested',
  'StepSkipped',
  'StepStarted',
  'WorkflowCancelled',
  'WorkflowCompleted',
  'WorkflowFailed',
  'WorkflowPaused',
  'WorkflowResumed',
  'WorkflowStarted',
] as const;
