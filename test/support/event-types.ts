/** Written out here, not taken from the source, so that a test fails if the source loses a type. */
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
