import type { StepError } from '../../domain/workflow/retry-policy.js';

export const errorColumns = ({ type, code, message }: StepError) => ({
  error_type: type,
  error_code: code,
  error_message: message,
});

export const noError = { error_type: null, error_code: null, error_message: null };
