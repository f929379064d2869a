import type { OperatorCommand, StepCommand } from '../../domain/workflow/commands.js';
import type { WorkflowEvent } from '../../domain/workflow/events.js';
import { workflow, workflowStream } from '../../domain/workflow/index.js';
import type { ExistingWorkflow, WorkflowState } from '../../domain/workflow/state.js';
import { allowedActions, summarise } from '../../domain/workflow/summary.js';
import type { Clock } from '../runtime/clock.js';
import { enveloped, type CommandContext } from '../log/envelope.js';
import { OtherRevision, type Notify } from '../runtime/errors.js';
import { bytesOf, type Unchained } from '../log/event-hash.js';
import { HistoryDamaged, type EventLog } from '../log/event-log.js';
import { StreamWriter, type Appending, type WriteLimits } from '../log/stream-writer.js';
import { FoldCache, foldRecorded, unread, type Folded, existing, unchanged, type Outcome } from './fold-cache.js';
import { Histories } from './histories.js';
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

/** Executions that are distrusted at once, the latest of them. */
const DISTRUSTED = 10_000;

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
  /** Executions of which someone has changed the stream's metadata: their events may go at any time. */
  private readonly distrusted = new Set<string>();

  constructor(
    private readonly log: EventLog,
    clock: Clock,
    { cachedExecutions, ...limits }: Readonly<{ cachedExecutions: number }> & Partial<WriteLimits>,
    private readonly notify: Notify = () => undefined,
    private readonly histories = new Histories(log),
  ) {
    this.cache = new FoldCache(cachedExecutions);
    this.writer = new StreamWriter(log, clock, limits);
  }

  /** Whether the read tables or the audit tree have events of it, whatever the log holds; asked only where it is not known here. */
  isRecorded(executionId: string): Promise<boolean> {
    return this.cached(executionId) ? Promise.resolve(true) : this.histories.isRecorded(executionId);
  }

  /** The execution as this instance knows it: its own writes at once, others' as the subscription brings them. */
  async load(executionId: string): Promise<Folded> {
    return this.cached(executionId) ?? (await this.refresh(executionId));
  }

  /** Reads what this instance has not seen, if that revision is not in its view. @returns whether it was not */
  async catchUp(executionId: string, revision: bigint): Promise<boolean> {
    const known = this.cached(executionId)?.revision ?? 'none';
    if (known !== 'none' && known >= revision) return false;
    await this.refresh(executionId);
    return true;
  }

  /** The execution as the log holds it now. @throws HistoryDamaged, LogUnavailable */
  async refresh(executionId: string): Promise<Folded> {
    const known = this.cached(executionId) ?? unread;
    try {
      const { events } = await this.histories.read(executionId, known.revision === 'none' ? 0n : known.revision + 1n);
      const folded = events.reduce(foldRecorded, known);
      if (folded.revision !== 'none') this.cache.put(executionId, folded);
      return folded;
    } catch (error) {
      throw await this.noticed(executionId, error);
    }
  }

  /**
   * Reads the whole history, as what this instance remembers of it may no longer be in the log; and does so from now on each time
   * that it is asked for.
   * @throws HistoryDamaged, LogUnavailable
   */
  async reread(executionId: string): Promise<Folded> {
    if (this.distrusted.size >= DISTRUSTED) this.distrusted.delete(this.distrusted.values().next().value!);
    this.distrusted.add(executionId);
    this.cache.forget(executionId);
    return this.refresh(executionId);
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
    const source = {
      cached: () => (isNew ? unread : this.cached(executionId)),
      fresh: () => this.refresh(executionId),
      forget: () => this.cache.forget(executionId),
    };
    const decide = (folded: Folded): Plan => {
      requireRevision(onlyAt, folded);
      return this.plan(executionId, folded.state, order, next);
    };
    try {
      const written = await this.writer.write(workflowStream(executionId), order.context.commandId, source, decide);
      return written.appended ? this.outcomeOf(executionId, order, written) : unchanged(written.fold);
    } catch (error) {
      throw await this.noticed(executionId, error);
    }
  }

  /** Of an append, which is remembered from now on. */
  private outcomeOf(
    executionId: string,
    { context }: CommandEnvelope,
    { fold, decision, appended: put }: Appending<Folded, Plan>,
  ): Outcome {
    const { events, revision, position, commands, link } = put;
    const { state, answer, events: decided } = decision;
    const createdAt = fold.createdAt || context.at.toISOString();
    this.cache.put(executionId, { state, revision, createdAt, commands, link });
    const appended = events.map(({ id }, index) => ({ id, event: decided[index]! }));
    noticesOf(executionId, appended, this.notify);
    return { state: existing(state), answer: existing(answer), revision, position, createdAt, appended };
  }

  private cached(executionId: string): Folded | undefined {
    return this.distrusted.has(executionId) ? undefined : this.cache.get(executionId);
  }

  /** @returns the error, once its damage is known beyond this call */
  private async noticed(executionId: string, error: unknown): Promise<unknown> {
    if (!(error instanceof HistoryDamaged)) return error;
    this.cache.forget(executionId);
    await this.histories.found(error);
    return error;
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
