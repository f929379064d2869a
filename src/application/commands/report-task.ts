import { Command, CommandHandler, type ICommandHandler } from '@nestjs/cqrs';
import type { JsonObject } from '../../domain/json.js';
import type { StepCommand } from '../../domain/workflow/commands.js';
import type { WorkflowEvent } from '../../domain/workflow/events.js';
import { stepAt, type CurrentStep, type WorkflowState } from '../../domain/workflow/state.js';
import { Clock } from '../runtime/clock.js';
import type { AgentReply } from '../agents/agents.js';
import type { CommandContext } from '../log/envelope.js';
import { AttemptOver, NotFound, type OverReason } from '../runtime/errors.js';
import type { Folded, Outcome } from '../workflow/fold-cache.js';
import { AppendRefused, isLogAway } from '../log/event-log.js';
import { Ids, stepId } from '../log/ids.js';
import { afterAppend } from '../log/stream-writer.js';
import type { Answer } from '../saga/answers.js';
import { ArtifactsAway, Results, tooLarge } from '../saga/results.js';
import { WorkflowSaga } from '../saga/workflow-saga.js';
import { TaskReports, TaskTokens, taskCommandId, type AttemptRef, type TaskReport } from '../workflow/tasks.js';
import { Workflows, type CommandEnvelope } from '../workflow/workflows.js';

/** `continue`: whether the agent should go on with its work. The times are ISO-8601 UTC. */
export type TaskAnswer =
  Readonly<{ continue: true; deadlineAt: string; heartbeatDueAt: string | null }> | Readonly<{ continue: false }>;

/** An agent reports on its attempt after it has taken the task token. */
export class ReportTask extends Command<TaskAnswer> {
  constructor(
    readonly token: string,
    readonly body: JsonObject,
    readonly traceparent: string | null,
    /** The report in the body where it was read already: a large body is read in another thread. */
    readonly report: TaskReport | null = null,
    readonly requestId?: string,
  ) {
    super();
  }
}

type Target = Readonly<{ ref: AttemptRef; found: CurrentStep }>;
type Request = Pick<CommandContext, 'traceparent' | 'requestId'>;

/** @throws NotFound for a token that is none, InvalidRequest for a report that is none, AttemptOver */
@CommandHandler(ReportTask)
export class ReportTaskHandler implements ICommandHandler<ReportTask> {
  constructor(
    private readonly tokens: TaskTokens,
    private readonly reports: TaskReports,
    private readonly workflows: Workflows,
    private readonly saga: WorkflowSaga,
    private readonly results: Results,
    private readonly ids: Ids,
    private readonly clock: Clock,
  ) {}

  async execute({ token, body, traceparent, report: given, requestId }: ReportTask): Promise<TaskAnswer> {
    const ref = this.tokens.read(token);
    if (!ref) throw noSuchTask();
    const report = given ?? this.reports.read(body, ref.step, token);
    const fresh = await this.present(ref, report, traceparent);
    const found = stepNamed(fresh.state, ref.step);
    if (!found) throw noSuchTask();
    // Files are kept only of an attempt that counts.
    if (!isRunning(fresh.state, ref)) return this.over(fresh, { ref, found }, report);
    const outcome = await this.submit({ ref, found }, report, { traceparent, requestId });
    if (outcome.appended.some(({ event }) => endsAttempt(event))) return { continue: false };
    const { step } = stepNamed(outcome.state, ref.step) ?? found;
    if (step.status === 'running' && step.attempt === ref.attempt) {
      return {
        continue: true,
        deadlineAt: step.deadline,
        heartbeatDueAt: step.deferred?.heartbeatDueAt ?? null,
      };
    }
    const after = await afterAppend(() => this.workflows.load(ref.executionId));
    return this.over(after, { ref, found }, report);
  }

  private async present(ref: AttemptRef, report: TaskReport, traceparent: string | null): Promise<Folded> {
    try {
      const known = await this.workflows.load(ref.executionId);
      return isRunning(known.state, ref) ? known : await this.workflows.refresh(ref.executionId);
    } catch (error) {
      if (isLogAway(error) && report.type !== 'heartbeat')
        this.keep({ ...ref, stepId: stepId(ref.executionId, ref.step), agent: null }, report.reply, traceparent);
      throw error;
    }
  }

  /**
   * A result that the log does not take now is not acknowledged, and is kept all the same: the agent may not ask again, and the
   * attempt's time may run out before it does.
   */
  private async submit(target: Target, report: TaskReport, request: Request): Promise<Outcome> {
    const { executionId } = target.ref;
    try {
      const command = await this.commandFor(target, report);
      return await this.saga.submit(executionId, this.order(target, command, request));
    } catch (error) {
      if (report.type === 'heartbeat') throw error;
      if (isLogAway(error) || error instanceof ArtifactsAway)
        this.keep(
          { executionId, ...attemptOf(target), agent: target.found.definition.agent },
          report.reply,
          request.traceparent,
        );
      if (error instanceof ArtifactsAway) throw error.cause;
      if (!(error instanceof AppendRefused) || error.reason !== 'too-large') throw error;
      return this.saga.submit(executionId, this.order(target, tooLarge(attemptOf(target), error), request));
    }
  }

  private keep(
    attempt: Pick<Answer, 'executionId' | 'stepId' | 'step' | 'attempt' | 'agent'>,
    reply: AgentReply,
    traceparent: string | null,
  ): void {
    const origin = { commandId: null, causationId: null, traceparent };
    this.saga.keep({ ...attempt, at: this.clock.now(), ...origin, reply });
  }

  /** What the attempt itself reported before is answered as it was then. */
  private over({ state, commands }: Folded, { ref, found }: Target, report: TaskReport): TaskAnswer {
    const { step } = stepNamed(state, ref.step) ?? found;
    const isOwn = step.status === 'completed' && step.attempt === ref.attempt;
    if (report.type === 'complete' && isOwn) return { continue: false };
    if (report.type === 'fail' && commands.includes(taskCommandId(ref, 'FailStep'))) return { continue: false };
    const reason = reasonOf(state, step, ref);
    throw new AttemptOver(
      reason,
      `Attempt ${ref.attempt} of step ${ref.step} is over: it was ${REASONS[reason]}. Stop`,
    );
  }

  private async commandFor({ ref, found }: Target, report: TaskReport): Promise<StepCommand> {
    const attempted = attemptOf({ ref, found });
    if (report.type !== 'heartbeat') return this.results.report(attempted, report.reply);
    const { percent, message } = report;
    const { stepId, attempt } = attempted;
    return { type: 'ProgressStep', data: { stepId, attempt, percent, message } };
  }

  private order({ ref, found }: Target, command: StepCommand, request: Request): CommandEnvelope {
    return {
      command,
      context: {
        commandId: command.type === 'ProgressStep' ? this.ids.uuid() : taskCommandId(ref, command.type),
        at: this.clock.now(),
        actor: { type: 'agent', id: found.definition.agent },
        reason: null,
        causationId: null,
        ...request,
      },
    };
  }
}

const REASONS: Readonly<Record<OverReason, string>> = {
  completed: 'completed',
  failed: 'recorded as failed, by its own report or because it was too late',
  replaced: 'abandoned for a newer one',
  cancelled: 'cancelled with its execution',
};

const noSuchTask = () => new NotFound('There is no such task');

const attemptOf = ({ ref: { step, attempt }, found }: Target) => ({ stepId: found.step.id, step, attempt });

const stepNamed = (state: WorkflowState, step: string): CurrentStep | undefined =>
  state.status === 'none'
    ? undefined
    : stepAt(
        state,
        state.definition.steps.findIndex(({ name }) => name === step),
      );

/** A start in the same append does not count: where the attempt was over, it is the next attempt's. */
const endsAttempt = ({ type }: WorkflowEvent): boolean => type === 'StepCompleted' || type === 'StepFailed';

/** Also in a paused execution: what is in flight there may still report. */
const isRunning = (state: WorkflowState, { step, attempt }: AttemptRef): boolean => {
  const found = stepNamed(state, step)?.step;
  return found?.status === 'running' && found.attempt === attempt;
};

const reasonOf = (state: WorkflowState, step: CurrentStep['step'], { attempt }: AttemptRef): OverReason => {
  if (step.attempt > attempt || step.status === 'pending') return 'replaced';
  if (step.status === 'completed') return 'completed';
  if (step.status === 'cancelled') return 'cancelled';
  return state.status === 'cancelled' ? 'cancelled' : 'failed';
};
