/** Words that a caller may ask for: one that nothing has would be answered with nothing, as if it had not been misspelt. */
import { eventShapes } from '../../domain/workflow/event-shapes.js';
import type { Definitions } from '../workflow/definitions.js';
import { InvalidRequest } from '../runtime/errors.js';
import type { ReadModel } from './read-model.js';

/** What `current_state` says whatever the definition. */
const GENERIC_STATES = ['created', 'completed', 'failed', 'paused', 'cancelled'];
const LISTED = 100;

/**
 * States of installed definitions, and of executions whose definition is not installed any more.
 * @throws InvalidRequest 400
 */
export const refuseUnknownState = async (
  state: string | undefined,
  definitions: Definitions,
  readModel: ReadModel,
): Promise<void> => {
  if (state === undefined) return;
  const steps = definitions.all().flatMap(({ definition }) => definition.steps);
  const known = new Set([...GENERIC_STATES, ...steps.flatMap((step) => [step.runningState, step.completedState])]);
  if (known.has(state) || (await readModel.hasState(state))) return;
  throw unknownWords('UNKNOWN_STATE', 'state', [...known], [state]);
};

/** Of the types, those that no event of this application has. */
export const foreignTypes = (types: readonly string[] | null): readonly string[] =>
  (types ?? []).filter((type) => !(type in eventShapes));

/** @throws InvalidRequest 400 */
export const refuseTypes = (unknown: readonly string[]): void => {
  if (unknown.length > 0) throw unknownWords('UNKNOWN_EVENT_TYPES', 'type', Object.keys(eventShapes), unknown);
};

const unknownWords = (code: string, field: string, known: readonly string[], unknown: readonly string[]) => {
  const listed =
    known.slice(0, LISTED).join(', ') + (known.length > LISTED ? ` and ${known.length - LISTED} more` : '');
  const came = unknown.slice(0, 5).join(', ');
  return new InvalidRequest(code, `${field}: expected some of ${listed}; got ${came}, which nothing has`, {
    unknown: unknown.slice(0, LISTED),
    known: known.slice(0, LISTED),
  });
};
