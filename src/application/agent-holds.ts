import { agentHold, agentStream, readAgentEvent, type AgentCommand, type Hold } from '../domain/agent/hold.js';
import { appendSurely, DEFAULT_APPEND_LIMITS } from './append.js';
import type { Clock } from './clock.js';
import type { CommandContext } from './envelope.js';
import { chained, contentOf, linkOf, type Unchained } from './event-hash.js';
import { RevisionConflict, type EventLog, type ExpectedRevision, type RecordedEvent } from './event-log.js';
import { remember } from './fold-cache.js';
import { hashOf } from './hash.js';
import { eventId } from './ids.js';

/** How often a command is decided anew because another writer was faster. */
const MAX_ROUNDS = 10;

/** One agent's stream as far as it has been read. */
type Folded = Readonly<{ hold: Hold; revision: ExpectedRevision; commands: readonly string[]; link: string | null }>;

const unread: Folded = { hold: agentHold.initialState, revision: 'none', commands: [], link: null };

export type HoldOutcome = Readonly<{
  hold: Hold;
  changed: boolean;
  /** Of the agent's stream; null where nobody ever held it. */
  revision: bigint | null;
  /** Of the event appended; null when none was. */
  position: bigint | null;
}>;

/** A hold or a release as it is asked for; who asks and when, the context says. */
export type HoldOrder = Readonly<{ type: AgentCommand['type']; reason: string }>;

/** Which agents operators hold. The log says so; what has been read of it is kept here. */
export class AgentHolds {
  private readonly known = new Map<string, Folded>();
  private readonly asking = new Set<string>();
  private changed: () => void = () => undefined;

  constructor(
    private readonly log: EventLog,
    private readonly clock: Clock,
  ) {}

  /** Undefined as long as it has not been read: such an agent is not to be called either. */
  of(agent: string): Hold | undefined {
    return this.known.get(agent)?.hold;
  }

  /** Asks where that is not known yet. */
  mayCall(agent: string): boolean {
    const hold = this.of(agent);
    if (hold === undefined) this.ask(agent);
    return hold === null;
  }

  /** @param changed called when an agent was held, released, or read for the first time */
  onChange(changed: () => void): void {
    this.changed = changed;
  }

  /** Has it read where it is not known yet; what comes of that, `onChange` tells. A failure leaves it unknown. */
  private ask(agent: string): void {
    if (this.asking.has(agent)) return;
    this.asking.add(agent);
    void this.refresh(agent)
      .catch(() => undefined)
      .finally(() => this.asking.delete(agent));
  }

  /** Reads what is new in the agent's stream. */
  async refresh(agent: string): Promise<Hold> {
    return (await this.read(agent)).hold;
  }

  /** What is so already changes nothing. @throws RevisionConflict, LogUnavailable */
  async execute(agent: string, { type, reason }: HoldOrder, context: CommandContext): Promise<HoldOutcome> {
    const at = context.at.toISOString();
    const command = { type, data: { agent, actor: context.actor, reason, at } };
    for (let round = 1; ; round++) {
      const folded = await this.read(agent);
      const events = folded.commands.includes(context.commandId) ? [] : agentHold.decide(command, folded.hold);
      if (events.length === 0) return { ...outcome(folded), changed: false, position: null };
      const made = events.map((event, index) => toStore(agent, event, context, index));
      try {
        const stream = agentStream(agent);
        const { events: stored, link } = chained(stream, made, folded.revision, folded.link);
        const appended = await appendSurely(
          this.log,
          this.clock,
          stream,
          stored,
          folded.revision,
          DEFAULT_APPEND_LIMITS,
        );
        const hold = events.reduce(agentHold.evolve, folded.hold);
        const commands = remember(folded.commands, context.commandId);
        const next = { hold, revision: appended.revision, commands, link };
        this.keep(agent, next);
        return { ...outcome(next), changed: true, position: appended.position };
      } catch (error) {
        if (!(error instanceof RevisionConflict) || round >= MAX_ROUNDS) throw error;
      }
    }
  }

  private async read(agent: string): Promise<Folded> {
    const known = this.known.get(agent) ?? unread;
    const from = known.revision === 'none' ? 0n : known.revision + 1n;
    const { events } = await this.log.read(agentStream(agent), from);
    const folded = events.reduce(fold, known);
    this.keep(agent, folded);
    return folded;
  }

  /** Of two reads that overlap the older may end last. */
  private keep(agent: string, folded: Folded): void {
    const present = this.known.get(agent);
    if (present && !isNewer(folded.revision, present.revision)) return;
    this.known.set(agent, folded);
    if (!present || (present.hold === null) !== (folded.hold === null)) this.changed();
  }
}

const isNewer = (a: ExpectedRevision, b: ExpectedRevision) => a !== 'none' && (b === 'none' || a > b);

const outcome = ({ hold, revision }: Folded) => ({ hold, revision: revision === 'none' ? null : revision });

/** Passes over events of a type that this version does not know. */
const fold = (folded: Folded, recorded: RecordedEvent): Folded => {
  const { type, data, metadata, revision } = recorded;
  const event = readAgentEvent(type, data);
  const commandId = (metadata as Partial<CommandContext> | null)?.commandId;
  return {
    hold: event ? agentHold.evolve(folded.hold, event) : folded.hold,
    revision,
    commands: typeof commandId === 'string' ? remember(folded.commands, commandId) : folded.commands,
    link: linkOf(recorded),
  };
};

const toStore = (
  agent: string,
  event: ReturnType<typeof agentHold.decide>[number],
  { commandId, actor, reason, at, traceparent }: CommandContext,
  index: number,
): Unchained => {
  const stream = agentStream(agent);
  const metadata = {
    commandId,
    $correlationId: stream,
    $causationId: commandId,
    actor,
    reason,
    occurredAt: at.toISOString(),
    traceparent,
  };
  const dataHash = hashOf(event.data);
  const id = eventId(stream, commandId, index, contentOf(event.type, dataHash, metadata));
  return { event: { id, type: event.type, data: event.data, metadata }, dataHash };
};
