import { Query, QueryHandler, type IQueryHandler } from '@nestjs/cqrs';
import { NotInHistory } from '../runtime/errors.js';
import { Histories } from '../workflow/histories.js';
import { hashOf } from '../log/event-hash.js';
import { pastOf } from './past.js';
import type { ExecutionView, StepView } from '../queries/read-model.js';

/** A run as a whole. */
type RunView = Pick<
  ExecutionView,
  'id' | 'workflow_name' | 'definition_hash' | 'current_state' | 'started_at' | 'completed_at' | 'revision'
>;

/** A step of one run. `output_hash`: SHA-256 (hex) of the output's canonical JSON. */
type ComparedStep = Pick<StepView, 'status' | 'generation' | 'duration_ms' | 'started_at'> &
  Readonly<{
    attempts: number;
    error: Readonly<{ type: string; code: string | null; message: string | null }> | null;
    output_hash: string | null;
  }>;

const COMPARED = ['status', 'attempts', 'error', 'output_hash'] as const;
type Compared = (typeof COMPARED)[number];

type StepComparison = Readonly<{
  step: string;
  /** Null where that run has no such step. */
  a: ComparedStep | null;
  b: ComparedStep | null;
  /** Of `b` minus that of `a`; null where one has none. */
  duration_difference_ms: number | null;
  differs: readonly Compared[];
}>;

type Difference = Readonly<{
  in: 'definition' | 'step' | Compared;
  step: string | null;
  a: unknown;
  b: unknown;
}>;

export type Comparison = Readonly<{
  a: RunView;
  b: RunView;
  /** In the order of the steps; time is not a difference. Null where there is none. */
  first_difference: Difference | null;
  steps: readonly StepComparison[];
}>;

/** Two executions as they are now, in the log. */
export class CompareExecutions extends Query<Comparison> {
  constructor(
    readonly a: string,
    readonly b: string,
    readonly signal?: AbortSignal,
  ) {
    super();
  }
}

@QueryHandler(CompareExecutions)
export class CompareExecutionsHandler implements IQueryHandler<CompareExecutions> {
  constructor(private readonly histories: Histories) {}

  /** @throws NotFound, NotInHistory, InvalidRequest, HistoryDamaged */
  async execute({ a: idOfA, b: idOfB, signal }: CompareExecutions): Promise<Comparison> {
    const a = await this.run(idOfA, signal);
    const b = await this.run(idOfB, signal);
    const names = [...new Set([...a.steps.keys(), ...b.steps.keys()])];
    const steps = names.map((name) => comparison(name, a.steps.get(name) ?? null, b.steps.get(name) ?? null));
    return { a: a.run, b: b.run, first_difference: definitionOf(a.run, b.run) ?? firstOf(steps), steps };
  }

  private async run(
    id: string,
    signal: AbortSignal | undefined,
  ): Promise<Readonly<{ run: RunView; steps: ReadonlyMap<string, ComparedStep> }>> {
    const { execution, steps } = await pastOf(this.histories, id, () => true, undefined, signal);
    if (!execution) throw new NotInHistory(`Execution ${id} has not been started`);
    const { workflow_name, definition_hash, current_state, started_at, completed_at, revision } = execution;
    return {
      run: { id, workflow_name, definition_hash, current_state, started_at, completed_at, revision },
      steps: new Map(steps.map((step) => [step.step_name, comparedStep(step)])),
    };
  }
}

const comparedStep = (step: StepView): ComparedStep => ({
  status: step.status,
  attempts: step.attempt,
  generation: step.generation,
  started_at: step.started_at,
  duration_ms: step.duration_ms,
  error: step.error_type && { type: step.error_type, code: step.error_code, message: step.error_message },
  output_hash: step.output && hashOf(step.output),
});

const comparison = (step: string, a: ComparedStep | null, b: ComparedStep | null): StepComparison => {
  const isSame = (column: Compared) => JSON.stringify(a?.[column]) === JSON.stringify(b?.[column]);
  const hasBoth = typeof a?.duration_ms === 'number' && typeof b?.duration_ms === 'number';
  return {
    ...{ step, a, b },
    duration_difference_ms: hasBoth ? b.duration_ms - a.duration_ms : null,
    differs: COMPARED.filter((column) => !isSame(column)),
  };
};

const definitionOf = (a: RunView, b: RunView): Difference | null =>
  a.definition_hash === b.definition_hash
    ? null
    : { in: 'definition', step: null, a: a.definition_hash, b: b.definition_hash };

const firstOf = (steps: readonly StepComparison[]): Difference | null => {
  const found = steps.find(({ a, b, differs }) => !a || !b || differs.length > 0);
  if (!found) return null;
  const { step, a, b, differs } = found;
  const column = differs[0];
  if (!a || !b || !column) return { in: 'step', step, a: a !== null, b: b !== null };
  return { in: column, step, a: a[column], b: b[column] };
};
