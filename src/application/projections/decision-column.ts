import type { StepFailed } from '../../domain/workflow/events.js';
import type { DecisionView } from '../queries/read-model.js';

export const decisionColumn = ({ error, retryAt, decision }: StepFailed): DecisionView => ({
  rule: decision.rule,
  error_type: decision.errorType ?? error.type,
  attempt: decision.attempt,
  of: decision.of,
  delay_ms: decision.delayMs,
  delay_source: decision.delaySource,
  then: decision.then ?? (retryAt === null ? null : 'retry'),
});
