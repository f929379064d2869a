/**
 * An execution as the checker reads it from its events alone: written to be read, and on purpose not the domain's
 * own fold, so that an error in the domain shows as a difference here.
 */
import type { EventMetadata } from '../../src/application/log/envelope.js';
import type { RecordedEvent } from '../../src/application/log/event-log.js';
import type { StepDefinition } from '../../src/domain/workflow/events.js';

export type StepModel = Readonly<{
  id: string;
  definition: StepDefinition;
  status: 'pending' | 'running' | 'waiting' | 'completed' | 'skipped' | 'failed';
  attempt: number;
  generation: number;
  /** Attempts of this generation that count: interrupted attempts do not. */
  counted: number;
  /** When the running attempt times out, or the next is due; milliseconds since 1970. */
  until: number;
  /** Its agent goes on without a connection. */
  isDeferred: boolean;
  /** When the agent counts as silent without another heartbeat; Infinity where only `until` counts. */
  silentFrom: number;
}>;

export type Model = Readonly<{
  status: 'none' | 'running' | 'paused' | 'completed' | 'failed' | 'cancelled';
  /** Steps that may start: all, none, or the step with this id. */
  released: string;
  steps: readonly StepModel[];
}>;

/** The fields of all events' data that the checker reads. */
type Data = Readonly<{
  stepId: string;
  step: string;
  attempt: number;
  generation: number;
  stepIds: readonly string[];
  definition: Readonly<{ steps: readonly StepDefinition[] }>;
  autoExecute: boolean;
  startedAt: string;
  deadline: string;
  retryAt: string | null;
  heartbeatDueAt: string | null;
  cause?: string;
  worker: string;
  agent: string;
  idempotencyKey: string;
  output: Record<string, unknown>;
  error: Readonly<{ type: string; code: string }>;
}>;

export type Moment = Readonly<{
  event: RecordedEvent;
  data: Data;
  metadata: EventMetadata;
  before: Model;
  after: Model;
}>;

const nothing: Model = { status: 'none', released: 'none', steps: [] };

export const follow = (events: readonly RecordedEvent[]): readonly Moment[] => {
  let before = nothing;
  return events.map((event) => {
    const data = event.data as Data;
    const after = step(before, event.type, data);
    const moment = { event, data, metadata: event.metadata as EventMetadata, before, after };
    before = after;
    return moment;
  });
};

const step = (model: Model, type: string, data: Data): Model => {
  const change = (to: (step: StepModel) => Partial<StepModel>): Model => ({
    ...model,
    steps: model.steps.map((each) => (each.id === data.stepId ? { ...each, ...to(each) } : each)),
  });
  const done = (status: 'completed' | 'skipped'): Model => ({
    ...change(() => ({ status })),
    released: model.released === data.stepId ? 'none' : model.released,
  });
  switch (type) {
    case 'WorkflowStarted':
      return {
        status: 'running',
        released: data.autoExecute ? 'all' : 'none',
        steps: data.definition.steps.map((definition, index) => ({
          ...{ id: data.stepIds[index]!, definition, status: 'pending' as const },
          ...{ attempt: 0, generation: 1, counted: 0, until: 0, isDeferred: false, silentFrom: Infinity },
        })),
      };
    case 'WorkflowPaused':
      return { ...model, status: 'paused' };
    case 'WorkflowResumed':
      return { ...model, status: 'running' };
    case 'WorkflowCompleted':
      return { ...model, status: 'completed' };
    case 'WorkflowFailed':
      return { ...model, status: 'failed' };
    case 'WorkflowCancelled':
      return { ...model, status: 'cancelled' };
    case 'NextStepRequested':
      return { ...model, released: data.stepId };
    case 'RemainingStepsRequested':
      return { ...model, released: 'all' };
    case 'StepStarted':
      return change(({ counted }) => ({
        ...{ status: 'running', attempt: data.attempt, counted: counted + 1 },
        ...{ until: Date.parse(data.deadline), isDeferred: false, silentFrom: Infinity },
      }));
    case 'StepDeferred':
      return change(() => ({ isDeferred: true, silentFrom: dueAt(data) }));
    case 'StepProgressed':
      return change(({ isDeferred }) => (isDeferred ? { silentFrom: dueAt(data) } : {}));
    case 'StepCompleted':
      return done('completed');
    case 'StepSkipped':
      return done('skipped');
    case 'StepFailed':
      return change(() =>
        data.retryAt === null ? { status: 'failed' } : { status: 'waiting', until: Date.parse(data.retryAt) },
      );
    case 'StepInterrupted':
      return change(({ counted }) => ({ status: 'pending', counted: counted - 1 }));
    case 'StepRetryRequested':
      return {
        ...change(() => ({ status: 'pending', generation: data.generation, counted: 0 })),
        released: model.released === 'all' ? 'all' : data.stepId,
        status: model.status === 'failed' ? 'running' : model.status,
      };
    default:
      return model;
  }
};

const dueAt = ({ heartbeatDueAt }: Data) => (heartbeatDueAt === null ? Infinity : Date.parse(heartbeatDueAt));

export const isDone = ({ status }: StepModel) => status === 'completed' || status === 'skipped';

export const currentOf = ({ steps }: Model): StepModel | undefined => steps.find((each) => !isDone(each));

export const isFinal = ({ status }: Model) => status === 'completed' || status === 'cancelled';

/** Nothing runs and nothing is pending: the execution has ended, or it waits for an operator. */
export const isAtRest = (model: Model): boolean => {
  const current = currentOf(model);
  if (isFinal(model) || model.status === 'none') return true;
  if (current?.status === 'running') return false;
  if (model.status === 'failed' || model.status === 'paused') return true;
  return model.released !== 'all' && model.released !== current?.id;
};

/** How long the execution may still take if every remaining attempt takes all of its time, milliseconds. */
export const longestRest = (model: Model, now: number): number => {
  if (isAtRest(model)) return 0;
  return model.steps
    .filter((each) => !isDone(each))
    .reduce((sum, { definition, counted, until, status }) => {
      const { maximumAttempts, maximumIntervalMs } = definition.retry;
      const left = Math.max(0, maximumAttempts - counted);
      const current = status === 'running' || status === 'waiting' ? Math.max(0, until - now) : 0;
      return sum + current + left * (definition.timeoutMs + maximumIntervalMs);
    }, 0);
};
