import type { Moment } from '../../../application/history/get-past-execution.js';
import type { ExecutionQuery } from '../executions/queries.js';
import { instantOf, revisionOf } from '../server/query-fields.js';
import { badRequest, problem } from '../server/refusal.js';

/** Null: now. @throws Refusal 400 where the query names more than one moment, or asks today's reviews of the past */
export const momentOf = ({ at_revision, as_of, min_revision, include_audit }: ExecutionQuery): Moment | null => {
  const given = Object.entries({ at_revision, as_of, min_revision }).filter(([, value]) => value !== undefined);
  if (given.length > 1) {
    const expected = 'at most one of at_revision, as_of and min_revision';
    throw badRequest(given.slice(1).map(([name, value]) => problem(name, expected, value)));
  }
  if (include_audit === 'true' && (at_revision ?? as_of) !== undefined) {
    const expected = 'no include_audit beside at_revision or as_of: reviews are those of now';
    throw badRequest([problem('include_audit', expected, include_audit)]);
  }
  const [revision, asOf] = [revisionOf(at_revision), instantOf(as_of)];
  if (revision !== null) return { revision };
  return asOf ? { asOf } : null;
};
