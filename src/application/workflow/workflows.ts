import type { OperatorCommand, StepCommand } from '../../domain/workflow/commands.js';
import type { WorkflowEvent } from '../../domain/workflow/events.js';
import { workflow, workflowStream } from '../../domain/workflow/index.js';
import type { ExistingWorkflow, WorkflowState } from '../../domain/workflow/state.js';
import { allowedActions, summarise } from '../../domain/workflow/summary.js';
import type { Clock } from '../runtime/clock.js';
import { enveloped, type CommandContext } from '../log/envelope.js';
import { OtherRevision, type Notify } from '../runtime/errors.js';
import { bytesOf, type Unchained } from '../log/event-hash.js';
import type { EventLog } from '../log/event-log.js';
import { readOn, StreamWriter } from '../log/stream-writer.js';
import { FoldCache, foldRecorded, unread, type Folded, existing, unchanged, type Outcome } from './fold-cache.js';
import { noticesOf } from './notices.js';

/** The decider refuses where there is no execution at all. @throws OtherRevision */
const requireRevision = (onlyAt: bigint | null, { revision, state }: Folded): void => {
  if (onlyAt === null || state.status === 'none' || revision === onlyAt) return;
  throw new OtherRevision(`The execution is at revision ${revision}, not at ${onlyAt}: nothing was done`, {
    requested_revision: onlyAt.toString(),
    actual_revision: revision.toString(),
    allowed_actions: allowedActions(state),
  });
};

/** A command with its circumstances. */
export type CommandEnvelope = Readonly<{
  command: OperatorCommand | StepCommand;
  context: CommandContext;
}>;

/** How a command is carried out. */
export type ExecuteOptions = Readonly<{
  /** Spares the read of a stream that is expected not to exist. */
  isNew?: boolean;
  /** The only revision of the execution at which it may be carried out. Null: any. */
  onlyAt?: bigint | null;
}>;

type Plan = Readonly<{
  state: WorkflowState;
  answer: WorkflowState;
  events: readonly WorkflowEvent[];
  unchained: readonly Unchained[];
}>;

/** load -> decide -> append, and nothing else. Every write to an execution passes through execute(). */
export class Workflows {
  private readonly cache: FoldCache;
  private readonly writer: StreamWriter;

  constructor(
    private readonly log: EventLog,
    clock: Clock,
    limits: Readonly<{ cachedExecutions: number }>,
    private readonly notify: Notify = () => undefined,
  ) {
    this.cache = new FoldCache(limits.cachedExecutions);
    this.writer = new StreamWriter(log, clock);
  }

  /** The execution as this instance knows it: its own writes at once, others' as the subscription brings them. */
  async load(executionId: string): Promise<Folded> {
    return this.cache.get(executionId) ?? (await this.refresh(executionId));
  }

  /** Reads what this instance has not seen, if that revision is not in its view. @returns whether it was not */
  async catchUp(executionId: string, revision: bigint): Promise<boolean> {
    const known = this.cache.get(executionId)?.revision ?? 'none';
    if (known !== 'none' && known >= revision) return false;
    await this.refresh(executionId);
    return true;
  }

  /** The execution as the log holds it now. */
  async refresh(executionId: string): Promise<Folded> {
    const known = this.cache.get(executionId) ?? unread;
    const folded = await readOn(this.log, workflowStream(executionId), known, foldRecorded);
    if (folded.revision !== 'none') this.cache.put(executionId, folded);
    return folded;
  }

  /**
   * Decides `order`, then what `next` asks for in the light of it, and appends both at once; the order alone where both are too
   * large for one append.
   * @throws OtherRevision where `onlyAt` names another revision than the log's; an order that was carried out already is
   * answered as such all the same
   */
  async execute(
    executionId: string,
    order: CommandEnvelope,
    next: (state: ExistingWorkflow) => CommandEnvelope | undefined = () => undefined,
    { isNew = false, onlyAt = null }: ExecuteOptions = {},
  ): Promise<Outcome> {
    const written = await this.writer.write(
      workflowStream(executionId),
      order.context.commandId,
      {
        cached: () => (isNew ? unread : (this.cache.get(executionId) ?? this.refresh(executionId))),
        fresh: () => this.refresh(executionId),
        forget: () => this.cache.forget(executionId),
      },
      (folded) => {
        requireRevision(onlyAt, folded);
        return this.plan(executionId, folded.state, order, next);
      },
    );
    const { fold } = written;
    if (!written.appended) return unchanged(fold);
    const { events, revision, position, commands, link } = written.appended;
    const { state, answer, events: decided } = written.decision;
    const createdAt = fold.createdAt || order.context.at.toISOString();
    this.cache.put(executionId, { state, revision, createdAt, commands, link });
    const appended = events.map(({ id }, index) => ({ id, event: decided[index]! }));
    noticesOf(executionId, appended, this.notify);
    return { state: existing(state), answer: existing(answer), revision, position, createdAt, appended };
  }

  private plan(
    executionId: string,
    state: WorkflowState,
    order: CommandEnvelope,
    next: (state: ExistingWorkflow) => CommandEnvelope | undefined,
  ): Plan {
    const first = this.decide(executionId, state, order, order.context.causationId ?? order.context.commandId);
    const alone = { state: first.state, answer: first.state, events: first.events, unchained: first.unchained };
    const follow = first.state.status === 'none' ? undefined : next(first.state);
    if (!follow) return alone;
    const causationId = first.unchained.at(-1)?.event.id ?? follow.context.commandId;
    const second = this.decide(executionId, first.state, follow, causationId);
    const unchained = [...first.unchained, ...second.unchained];
    if (first.events.length > 0 && bytesOf(unchained) > this.log.maxAppendBytes) return alone;
    return {
      state: second.state,
      answer: first.state,
      events: [...first.events, ...second.events],
      unchained,
    };
  }

  private decide(
    executionId: string,
    before: WorkflowState,
    { command, context }: CommandEnvelope,
    causationId: string,
  ) {
    const events = workflow.decide(Object.assign({}, command, { at: context.at }), before);
    let state = before;
    const unchained = events.map((event, index): Unchained => {
      state = workflow.evolve(state, event);
      if (state.status === 'none') throw new Error(`Event ${event.type} left no execution behind`);
      const summary = summarise(state, context.at);
      return enveloped(event, context, index, {
        owner: executionId,
        correlationId: executionId,
        causationId,
        summary,
      });
    });
    return { state, events, unchained };
  }
}
