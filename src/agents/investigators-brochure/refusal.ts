import type { z } from 'zod';
import type { ErrorType } from '../../domain/workflow/retry-policy.js';

/** Why an agent cannot do its step. It becomes the agent's unsuccessful result; anything else that is thrown is a defect. */
export class Refusal extends Error {
  constructor(
    readonly type: ErrorType,
    readonly code: string,
    message: string,
  ) {
    super(message);
  }
}

/** More than these are counted, not listed: a message is stored with the event and is cut at 4000 characters. */
const LISTED_PROBLEMS = 20;

/** Numbered, so that what has to be mended can be ticked off. */
export const listed = (problems: readonly string[]): string => {
  const lines = problems.slice(0, LISTED_PROBLEMS).map((problem, index) => `(${index + 1}) ${problem}`);
  const more = problems.length - lines.length;
  return `${lines.join('; ')}${more > 0 ? `; and ${more} more` : ''}`;
};

/** `facts[3].values[0].unit: expected string, received number`, one for each rule that is broken. */
export const issues = ({ issues: found }: z.ZodError): string =>
  listed(found.map(({ path, message }) => `${pathOf(path) || 'it'}: ${message}`));

const pathOf = (path: readonly PropertyKey[]): string =>
  path
    .map((part) => (typeof part === 'number' ? `[${part}]` : `.${String(part)}`))
    .join('')
    .replace(/^\./, '');
