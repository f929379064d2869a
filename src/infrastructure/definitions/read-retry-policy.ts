/** A retry policy on its own, in the words of a definition: laid over what an execution's steps have. */
import { z } from 'zod';
import type { StepDefinition, WorkflowDefinition } from '../../domain/workflow/events.js';
import type { RetryPolicy } from '../../domain/workflow/retry-policy.js';

const DAY_MS = 86_400_000;
const milliseconds = z.number().int().min(1).max(DAY_MS);

const policy = {
  retry_on_failure: z.boolean().optional(),
  max_retries: z.number().int().min(0).max(20).optional(),
  retry: z
    .strictObject({
      initial_interval_ms: milliseconds.optional(),
      backoff_coefficient: z.number().min(1).max(100).optional(),
      maximum_interval_ms: milliseconds.optional(),
    })
    .optional(),
  on_exhausted: z.enum(['fail', 'pause']).optional(),
};
const policyShape = z.strictObject(policy);
const fileShape = z.strictObject({ ...policy, steps: z.record(z.string(), policyShape).optional() });

type Policy = z.infer<typeof policyShape>;

/**
 * `steps` says for one step what stands beside it for all; a step that is not retried stays so unless it is named there or
 * `retry_on_failure` is true.
 * @throws Error that names every problem
 */
export const readRetryPolicy = (text: string): ((definition: WorkflowDefinition) => WorkflowDefinition) => {
  const { data, error } = fileShape.safeParse(JSON.parse(text));
  if (!data) {
    const problems = error.issues.map(({ path, message }) => [path.join('.'), message].filter(Boolean).join(': '));
    throw new Error(`The retry policy is not valid:\n  ${problems.join('\n  ')}`);
  }
  const { steps = {}, ...all } = data;
  return (definition) => ({
    ...definition,
    steps: definition.steps.map((step) => {
      const named = steps[step.name];
      return laidOver(step, { ...all, ...named, retry: { ...all.retry, ...named?.retry } }, named !== undefined);
    }),
  });
};

const laidOver = (step: StepDefinition, given: Policy, isNamed: boolean): StepDefinition => {
  const retry: RetryPolicy = {
    maximumAttempts: attempts(step.retry.maximumAttempts, given, isNamed),
    initialIntervalMs: given.retry?.initial_interval_ms ?? step.retry.initialIntervalMs,
    backoffCoefficient: given.retry?.backoff_coefficient ?? step.retry.backoffCoefficient,
    maximumIntervalMs: given.retry?.maximum_interval_ms ?? step.retry.maximumIntervalMs,
  };
  return { ...step, retry, ...(given.on_exhausted && { onExhausted: given.on_exhausted }) };
};

const DEFAULT_RETRIES = 3;

const attempts = (present: number, { retry_on_failure, max_retries }: Policy, isNamed: boolean): number => {
  if (retry_on_failure === false) return 1;
  if (present <= 1 && !isNamed && retry_on_failure !== true) return present;
  if (max_retries !== undefined) return max_retries + 1;
  return present <= 1 && retry_on_failure === true ? DEFAULT_RETRIES + 1 : present;
};
