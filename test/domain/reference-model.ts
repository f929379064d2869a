/**
 * What an execution does, written down a second time: as briefly as can be, with indices and changes in place, and on
 * purpose without a look at the domain's own decider. Two that were thought up apart seldom share an error.
 */
import type { StepCommand, WorkflowCommand } from '../../src/domain/workflow/commands.js';
import type { StepDefinition, WorkflowDefinition } from '../../src/domain/workflow/events.js';

type StepModel = {
  readonly definition: StepDefinition;
  status: 'pending' | 'running' | 'waiting' | 'completed' | 'skipped' | 'failed' | 'cancelled';
  attempt: number;
  generation: number;
  /** Of this generation, those that count. */
  tries: number;
  dueAt: number;
  isDeferred: boolean;
  silentAt: number;
  reached: number;
  saidAt: number;
};

type Report = Exclude<StepCommand, { type: 'StartStep' }>;

/** The types of the events that are to come of a command, or that it is refused. */
export type Prediction = readonly string[] | 'refused';

export class ReferenceModel {
  status: 'running' | 'paused' | 'completed' | 'failed' | 'cancelled' = 'running';
  readonly steps: readonly StepModel[];
  /** Which steps may start by themselves: all of them, or the one at this place. */
  private released: 'all' | number;

  constructor(
    definition: WorkflowDefinition,
    autoExecute: boolean,
    private readonly ids: readonly string[],
  ) {
    this.released = autoExecute ? 'all' : -1;
    this.steps = definition.steps.map((each) => ({
      definition: each,
      ...{ status: 'pending', attempt: 0, generation: 1, tries: 0, dueAt: 0 },
      ...{ isDeferred: false, silentAt: Infinity, reached: 0, saidAt: -Infinity },
    }));
  }

  give(command: WorkflowCommand): Prediction {
    const now = command.at.getTime();
    const here = this.steps.findIndex(({ status }) => status !== 'completed' && status !== 'skipped');
    const isOpen = this.status === 'running' || this.status === 'paused';
    switch (command.type) {
      case 'PauseWorkflow':
        if (!isOpen) return 'refused';
        if (this.status === 'paused') return [];
        this.status = 'paused';
        return ['WorkflowPaused'];
      case 'ResumeWorkflow':
        return isOpen ? this.resume(here) : 'refused';
      case 'CancelWorkflow':
        if (this.status === 'completed') return 'refused';
        return this.status === 'cancelled' ? [] : this.cancel();
      case 'RetryStep':
        return this.retry(this.ids.indexOf(command.data.stepId), here);
      case 'ExecuteNextStep': {
        const busy = ['running', 'waiting'].includes(this.steps[here]?.status ?? '');
        const goesOn = this.status === 'running' && (this.released === 'all' || this.released === here);
        if (!isOpen || busy || goesOn) return 'refused';
        const before = this.resume(here);
        this.released = here;
        return [...before, 'NextStepRequested'];
      }
      case 'ExecuteRemaining': {
        if (!isOpen) return 'refused';
        const before = this.resume(here);
        if (this.released === 'all') return before;
        this.released = 'all';
        return [...before, 'RemainingStepsRequested'];
      }
      case 'StartStep':
        return this.start(this.ids.indexOf(command.data.stepId), here, command.data.attempt, now);
      case 'StartWorkflow':
        return 'refused';
      case 'CompleteStep':
      case 'FailStep':
      case 'DeferStep':
      case 'ProgressStep':
      case 'ExpireHeartbeat':
      case 'InterruptStep': {
        const step = this.steps[here];
        const isOwn = this.ids[here] === command.data.stepId && step?.attempt === command.data.attempt;
        return isOpen && isOwn && step.status === 'running' ? this.report(command, step, now) : [];
      }
    }
  }

  private resume(here: number): string[] {
    if (this.status !== 'paused') return [];
    this.status = 'running';
    return ['WorkflowResumed', ...(this.steps[here]?.status === 'failed' ? this.anew(here) : [])];
  }

  private anew(index: number): string[] {
    const step = this.steps[index]!;
    Object.assign(step, { status: 'pending', generation: step.generation + 1, tries: 0, reached: 0 });
    if (this.released !== 'all') this.released = index;
    if (this.status === 'failed') this.status = 'running';
    return ['StepRetryRequested'];
  }

  private cancel(): string[] {
    this.status = 'cancelled';
    for (const step of this.steps) {
      if (['pending', 'running', 'waiting'].includes(step.status)) step.status = 'cancelled';
    }
    return ['WorkflowCancelled'];
  }

  private retry(index: number, here: number): Prediction {
    const step = this.steps[index];
    if (!step || this.status === 'completed' || this.status === 'cancelled') return 'refused';
    if (step.status === 'pending' && step.attempt > 0) return this.resume(here);
    if (!['failed', 'running', 'waiting'].includes(step.status)) return 'refused';
    const resumed = this.status === 'paused' ? ['WorkflowResumed'] : [];
    if (this.status === 'paused') this.status = 'running';
    return [...resumed, ...this.anew(index)];
  }

  private start(index: number, here: number, attempt: number, now: number): string[] {
    const step = this.steps[index];
    const isNext = step && index === here && attempt === step.attempt + 1 && this.status === 'running';
    if (!isNext || (this.released !== 'all' && this.released !== index)) return [];
    if (step.status !== 'pending' && !(step.status === 'waiting' && step.dueAt <= now)) return [];
    const fresh = { isDeferred: false, silentAt: Infinity, saidAt: -Infinity };
    Object.assign(step, { status: 'running', attempt, tries: step.tries + 1, ...fresh });
    return ['StepStarted'];
  }

  private report(command: Report & Readonly<{ at: Date }>, step: StepModel, now: number): string[] {
    switch (command.type) {
      case 'CompleteStep':
        return this.finish(step, 'completed', 'StepCompleted');
      case 'FailStep':
        return this.fail(step, command.data.error.type === 'transient', command.data.retryAfterMs ?? 0, now);
      case 'ExpireHeartbeat':
        return step.isDeferred && step.silentAt <= now ? this.fail(step, true, 0, now) : [];
      case 'InterruptStep':
        if (step.isDeferred) return [];
        Object.assign(step, { status: 'pending', tries: step.tries - 1 });
        return ['StepInterrupted'];
      case 'DeferStep':
        if (step.isDeferred) return [];
        step.isDeferred = true;
        step.silentAt = now + patience(step.definition);
        return ['StepDeferred'];
      case 'ProgressStep': {
        const percent = command.data.percent ?? 0;
        if (Math.floor(percent) <= Math.floor(step.reached) && now - step.saidAt < interval(step.definition)) return [];
        Object.assign(step, { reached: Math.max(step.reached, percent), saidAt: now });
        step.silentAt = now + patience(step.definition);
        return ['StepProgressed'];
      }
    }
  }

  private fail(step: StepModel, isTransient: boolean, wishMs: number, now: number): string[] {
    const { required, onExhausted, retry } = step.definition;
    const most = retry.maximumAttempts;
    if (isTransient && step.tries < most) {
      const scheduled = retry.initialIntervalMs * retry.backoffCoefficient ** (step.tries - 1);
      Object.assign(step, {
        status: 'waiting',
        dueAt: now + Math.max(Math.min(scheduled, retry.maximumIntervalMs), wishMs),
      });
      return ['StepFailed'];
    }
    if (!required) return ['StepFailed', ...this.finish(step, 'skipped', 'StepSkipped')];
    step.status = 'failed';
    const pauses = isTransient && most > 1 && onExhausted === 'pause';
    this.status = pauses ? 'paused' : 'failed';
    return ['StepFailed', pauses ? 'WorkflowPaused' : 'WorkflowFailed'];
  }

  private finish(step: StepModel, status: 'completed' | 'skipped', type: string): string[] {
    step.status = status;
    const index = this.steps.indexOf(step);
    if (this.released === index) this.released = -1;
    if (index < this.steps.length - 1) return [type];
    this.status = 'completed';
    return [type, 'WorkflowCompleted'];
  }
}

/** Heartbeats that come faster, and bring nothing, are not recorded. */
const interval = ({ timeoutMs, heartbeatTimeoutMs = Infinity }: StepDefinition) =>
  Math.max(Math.min(1_000, heartbeatTimeoutMs / 4), Math.ceil(timeoutMs / 1_000));

const patience = (definition: StepDefinition) => (definition.heartbeatTimeoutMs ?? Infinity) + interval(definition);
