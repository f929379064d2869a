/** The two shapes of an error. */
import { ERRORS, PROBLEMS } from './errors.js';
import { anything, constant, integer, object, text, type Schema } from './schema.js';

export const ALL_CODES: readonly string[] = [
  ...new Set([...Object.values(ERRORS).flatMap(({ codes }) => codes), 'UNKNOWN_ROUTE', 'METHOD_NOT_ALLOWED']),
].sort();

const CODE = 'What is wrong, in a word that programs can rely on.';
const MESSAGE = 'What was expected, what came and what to do, for people. It may change.';
const DETAILS = 'What programs may want to know besides; its shape depends on the code.';

/** The guide's envelope of an error. */
export const errorSchema = (codes: readonly string[]): Schema =>
  object("The guide's envelope of an error.", {
    success: constant('The request was not carried out.', false),
    error: object('What went wrong.', {
      code: text(CODE, codes[0]!, { enum: codes }),
      message: text(MESSAGE, 'execution_id: expected a UUID, got "4711"'),
      details: anything(DETAILS, PROBLEMS),
    }),
  });

export const problemSchema = (codes: readonly string[]): Schema =>
  object('The same error as RFC 9457 has it, for callers that name `application/problem+json` in `Accept`.', {
    type: text('The kind of problem; the fragment is the code.', `/docs#${codes[0]}`, { format: 'uri-reference' }),
    title: text('The kind of problem in words.', 'Invalid request'),
    status: integer('The status of the answer.', 400, { minimum: 400, maximum: 599 }),
    detail: text(MESSAGE, 'execution_id: expected a UUID, got "4711"'),
    instance: text('The path that was asked for, without tokens.', '/api/v1/workflow', { format: 'uri-reference' }),
    code: text(CODE, codes[0]!, { enum: codes }),
    details: anything(DETAILS, PROBLEMS),
  });

/** Of any error, for answers that may be something else as well. */
export const ERROR_SCHEMAS: Readonly<Record<string, Schema>> = {
  Error: errorSchema(ALL_CODES),
  Problem: problemSchema(ALL_CODES),
};
