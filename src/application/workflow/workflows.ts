import { CommandRejected } from '../../domain/errors.js';
import type { OperatorCommand, StepCommand } from '../../domain/workflow/commands.js';
import type { WorkflowEvent } from '../../domain/workflow/events.js';
import { workflow, workflowStream } from '../../domain/workflow/index.js';
import type { ExistingWorkflow, WorkflowState } from '../../domain/workflow/state.js';
import { summarise, allowedActions } from '../../domain/workflow/summary.js';
import { appendWithRetry, DEFAULT_APPEND_LIMITS, type AppendLimits } from '../log/append.js';
import type { Clock } from '../runtime/clock.js';
import type { CommandContext, EventMetadata } from '../log/envelope.js';
import { OtherRevision } from '../runtime/errors.js';
import { chained, contentOf, type Unchained, hashOf } from '../log/event-hash.js';
import { LogUnavailable, RevisionConflict, type EventLog } from '../log/event-log.js';
import { eventId } from '../log/ids.js';
import { FoldCache, foldRecorded, remember, unread, type Folded } from './fold-cache.js';
import { noticesOf, type Tell } from './notices.js';
import { existing, unchanged, type Outcome } from './outcome.js';

/** That there is no execution at all is the decider's to say. @throws OtherRevision */
const requireRevision = (onlyAt: bigint | null, { revision, state }: Folded): void => {
  if (onlyAt === null || state.status === 'none' || revision === onlyAt) return;
  throw new OtherRevision(`The execution is at revision ${revision}, not at ${onlyAt}: nothing was done`, {
    requested_revision: onlyAt.toString(),
    actual_revision: revision.toString(),
    allowed_actions: allowedActions(state),
  });
};

/** How often a command is decided anew because another writer was faster. */
const MAX_ROUNDS = 10;

/** A command with its circumstances. */
export type CommandEnvelope = Readonly<{
  command: OperatorCommand | StepCommand;
  context: CommandContext;
}>;

/** On what terms an order is given. */
export type ExecuteOptions = Readonly<{
  /** Spares the read of a stream that is expected not to exist. */
  isNew?: boolean;
  /** The only revision of the execution at which it is to be carried out. Null: any. */
  onlyAt?: bigint | null;
}>;

type Plan = Readonly<{
  state: WorkflowState;
  answer: WorkflowState;
  events: readonly WorkflowEvent[];
  stored: readonly Unchained[];
}>;

/** load -> decide -> append, and nothing else. Every write of the application passes through execute(). */
export class Workflows {
  private readonly cache: FoldCache;

  constructor(
    private readonly log: EventLog,
    private readonly clock: Clock,
    limits: Readonly<{ cachedExecutions: number }>,
    private readonly appendLimits: AppendLimits = DEFAULT_APPEND_LIMITS,
    private readonly tell: Tell = () => undefined,
  ) {
    this.cache = new FoldCache(limits.cachedExecutions);
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
    const from = known.revision === 'none' ? 0n : known.revision + 1n;
    const { events } = await this.log.read(workflowStream(executionId), from);
    const folded = events.reduce(foldRecorded, known);
    if (folded.revision !== 'none') this.cache.put(executionId, folded);
    return folded;
  }

  /**
   * Decides `order`, then what `next` asks for in the light of it, and appends both at once.
   * @throws OtherRevision where `onlyAt` names another revision than the log's; an order that was carried out already is
   * answered as such all the same
   */
  async execute(
    executionId: string,
    order: CommandEnvelope,
    next: (state: ExistingWorkflow) => CommandEnvelope | undefined = () => undefined,
    { isNew = false, onlyAt = null }: ExecuteOptions = {},
  ): Promise<Outcome> {
    for (let round = 1; ; round++) {
      const fresh = round > 1;
      const folded = fresh ? await this.refresh(executionId) : isNew ? unread : await this.load(executionId);
      if (folded.commands.includes(order.context.commandId)) return unchanged(folded);
      try {
        requireRevision(onlyAt, folded);
        const plan = this.plan(executionId, folded, order, next);
        if (plan.events.length > 0) return await this.append(executionId, folded, plan);
        if (fresh) return unchanged(folded);
      } catch (error) {
        const stale = (error instanceof CommandRejected || error instanceof OtherRevision) && !fresh;
        const overtaken = error instanceof RevisionConflict && round < MAX_ROUNDS;
        if (!stale && !overtaken) throw error;
      }
    }
  }

  private plan(
    executionId: string,
    { state }: Folded,
    order: CommandEnvelope,
    next: (state: ExistingWorkflow) => CommandEnvelope | undefined,
  ): Plan {
    const first = this.decide(executionId, state, order, order.context.causationId ?? order.context.commandId);
    const follow = first.state.status === 'none' ? undefined : next(first.state);
    if (!follow) return { state: first.state, answer: first.state, events: first.events, stored: first.stored };
    const second = this.decide(
      executionId,
      first.state,
      follow,
      first.stored.at(-1)?.event.id ?? follow.context.commandId,
    );
    return {
      state: second.state,
      answer: first.state,
      events: [...first.events, ...second.events],
      stored: [...first.stored, ...second.stored],
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
    const stored = events.map((event, index): Unchained => {
      state = workflow.evolve(state, event);
      if (state.status === 'none') throw new Error(`Event ${event.type} left no execution behind`);
      // In the order of canonical JSON, which has nothing to sort then, and with room for what follows from its place.
      const metadata: EventMetadata = {
        $causationId: causationId,
        $correlationId: executionId,
        actor: context.actor,
        commandId: context.commandId,
        hash: undefined,
        occurredAt: context.at.toISOString(),
        previousHash: undefined,
        reason: context.reason,
        requestId: context.requestId,
        summary: summarise(state, context.at),
        traceparent: context.traceparent,
      };
      const dataHash = hashOf(event.data);
      const id = eventId(executionId, context.commandId, index, contentOf(event.type, dataHash, metadata));
      return { event: { id, type: event.type, data: event.data, metadata }, dataHash };
    });
    return { state, events, stored };
  }

  private async append(executionId: string, folded: Folded, plan: Plan): Promise<Outcome> {
    const stream = workflowStream(executionId);
    const { events: stored, link } = chained(stream, plan.stored, folded.revision, folded.link);
    const { clock, appendLimits: limits } = this;
    const { revision, position } = await appendWithRetry(
      this.log,
      clock,
      stream,
      stored,
      folded.revision,
      limits,
    ).catch((error: unknown) => {
      // What got no answer may be in the log by now, or be there later.
      if (error instanceof LogUnavailable) this.cache.forget(executionId);
      throw error;
    });
    const metadata = stored.map((event) => event.metadata as EventMetadata);
    const commands = metadata.map(({ commandId }) => commandId).reduce(remember, folded.commands);
    const createdAt = folded.createdAt || (metadata[0]?.occurredAt ?? '');
    this.cache.put(executionId, { state: plan.state, revision, createdAt, commands, link });
    const appended = stored.map(({ id }, index) => ({ id, event: plan.events[index]! }));
    noticesOf(executionId, appended, this.tell);
    return { state: existing(plan.state), answer: existing(plan.answer), revision, position, createdAt, appended };
  }
}
