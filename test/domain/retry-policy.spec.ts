import { backoffMs, decideRetry } from '../../src/domain/workflow/retry-policy.js';
import { fatal, fourAttempts, oneAttempt, transient, validation } from '../support/histories.js';

test.each([
  [1, 1_000],
  [2, 2_000],
  [3, 4_000],
  [6, 32_000],
  [7, 60_000],
  [2_000, 60_000], // 2 ** 1999 is Infinity
])('after attempt %d the delay is %d ms, and never more than the maximum interval', (attempt, delay) =>
  expect(backoffMs(fourAttempts, attempt)).toBe(delay),
);

test('a coefficient of 1 keeps the delay; an interval over the maximum is cut at once', () => {
  expect(backoffMs({ ...fourAttempts, backoffCoefficient: 1 }, 3)).toBe(1_000);
  expect(backoffMs({ ...fourAttempts, initialIntervalMs: 90_000 }, 1)).toBe(60_000);
});

test.each([
  ['no wish', 2, null, 2_000, 'backoff'],
  ['a shorter wish', 2, 1_999, 2_000, 'backoff'],
  ['an equal wish', 2, 2_000, 2_000, 'retry_after'],
  ['a longer wish', 2, 7_500, 7_500, 'retry_after'],
  ['a wish longer than the maximum interval', 1, 120_000, 120_000, 'retry_after'],
  ['a wish that lies in the past', 1, -5, 1_000, 'backoff'],
] as const)('Retry-After: %s', (_, attempt, retryAfterMs, delayMs, delaySource) =>
  expect(decideRetry(fourAttempts, attempt, transient, retryAfterMs)).toEqual({
    rule: 'retry',
    attempt,
    of: 4,
    delayMs,
    delaySource,
    errorType: 'transient',
    then: 'retry',
  }),
);

test.each([
  ['the fourth of four attempts', fourAttempts, 4, transient, 'attempts_exhausted'],
  ['a validation error', fourAttempts, 1, validation, 'error_not_retryable'],
  ['a fatal error', fourAttempts, 1, fatal, 'error_not_retryable'],
  ['a step that is not retried', oneAttempt, 1, transient, 'step_not_retryable'],
] as const)('%s is not followed by another, whatever the agent wishes', (_, policy, attempt, error, rule) =>
  expect(decideRetry(policy, attempt, error, 1_000)).toEqual({
    rule,
    attempt,
    of: policy.maximumAttempts,
    delayMs: null,
    delaySource: null,
    errorType: error.type,
  }),
);
