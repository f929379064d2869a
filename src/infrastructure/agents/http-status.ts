import { STATUS_CODES } from 'node:http';
import type { ErrorType } from '../../domain/workflow/retry-policy.js';

const TRANSIENT = new Set([408, 425, 429]);
const VALIDATION = new Set([400, 409, 413, 422]);

/** What a status says when the body does not say it: whether the same call may succeed later, or with other input. */
export const errorTypeOf = (status: number): ErrorType => {
  if (TRANSIENT.has(status)) return 'transient';
  if (VALIDATION.has(status)) return 'validation';
  if (status === 501) return 'fatal';
  // A method, a path or a credential that is wrong stays wrong until somebody changes the configuration.
  return status >= 400 && status < 500 ? 'fatal' : 'transient';
};

export const describeStatus = (status: number): string => `${status} ${STATUS_CODES[status] ?? ''}`.trim();

export const isRedirect = (status: number): boolean => status >= 300 && status < 400;
export const isSuccess = (status: number): boolean => status >= 200 && status < 300;
