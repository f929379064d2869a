import { Query, QueryHandler, type IQueryHandler } from '@nestjs/cqrs';
import type { Scope } from '../../domain/access/grants.js';
import { eventShapes } from '../../domain/workflow/event-shapes.js';
import { Definitions } from '../workflow/definitions.js';
import { InvalidRequest } from '../runtime/errors.js';
import {
  ReadModel,
  type ExecutionFilter,
  type ListedExecution,
  type Page,
  type PageOfExecutions,
} from './read-model.js';

// A state or a type that nothing has would be answered with nothing, as if the client had not misspelt it.

/** What `current_state` says whatever the definition. */
const GENERIC_STATES = ['created', 'completed', 'failed', 'paused', 'cancelled'];
const LISTED = 100;

/**
 * States of installed definitions, and of executions in the caller's scope whose definition is no longer installed.
 * @throws InvalidRequest 400
 */
const refuseUnknownState = async (
  state: string | undefined,
  definitions: Definitions,
  readModel: ReadModel,
  scope: Scope | undefined,
): Promise<void> => {
  if (state === undefined) return;
  const steps = definitions.all().flatMap(({ definition }) => definition.steps);
  const known = new Set([...GENERIC_STATES, ...steps.flatMap((step) => [step.runningState, step.completedState])]);
  if (known.has(state) || (await readModel.hasState(state, scope))) return;
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

/** Whether a stream of that state could ever send anything. @throws InvalidRequest 400 */
export class CheckState extends Query<void> {
  constructor(
    readonly state: string | undefined,
    readonly scope?: Scope,
  ) {
    super();
  }
}

@QueryHandler(CheckState)
export class CheckStateHandler implements IQueryHandler<CheckState> {
  constructor(
    private readonly readModel: ReadModel,
    private readonly definitions: Definitions,
  ) {}

  execute({ state, scope }: CheckState): Promise<void> {
    return refuseUnknownState(state, this.definitions, this.readModel, scope);
  }
}

/** Eventually consistent; newest first. */
export class ListExecutions extends Query<Page<ListedExecution>> {
  constructor(
    readonly filter: ExecutionFilter,
    readonly page: PageOfExecutions,
  ) {
    super();
  }
}

@QueryHandler(ListExecutions)
export class ListExecutionsHandler implements IQueryHandler<ListExecutions> {
  constructor(
    private readonly readModel: ReadModel,
    private readonly definitions: Definitions,
  ) {}

  async execute({ filter, page }: ListExecutions): Promise<Page<ListedExecution>> {
    await refuseUnknownState(filter.state, this.definitions, this.readModel, filter.scope);
    return this.readModel.executions(filter, page);
  }
}
