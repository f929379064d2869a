/** Commands to things whose whole history is short: read it, decide, append. Executions have workflows.ts. */
import type { Decider, Message } from '../../domain/decider.js';
import { appendWithRetry, DEFAULT_APPEND_LIMITS } from './append.js';
import type { Clock } from '../runtime/clock.js';
import type { CommandContext } from './envelope.js';
import { chained, contentOf, linkOf, type Unchained } from './event-hash.js';
import { RevisionConflict, type EventLog, type ExpectedRevision, type RecordedEvent } from './event-log.js';
import { remember } from '../workflow/fold-cache.js';
import { hashOf } from './hash.js';
import { eventId } from './ids.js';

/** How often a command is decided anew because another writer was faster. */
const MAX_ROUNDS = 10;

/** One stream as far as it has been read. */
export type SmallFold<State> = Readonly<{
  state: State;
  revision: ExpectedRevision;
  commands: readonly string[];
  link: string | null;
}>;

export type SmallOutcome<State> = Readonly<{
  folded: SmallFold<State>;
  changed: boolean;
  /** Of the last event appended; null when none was. */
  position: bigint | null;
}>;

type Ports = Readonly<{ log: EventLog; clock: Clock }>;

export class SmallStream<Command, State, Event extends Message<string, unknown>> {
  readonly unread: SmallFold<State>;

  /** @param readEvent null for a type that this version does not know; throws where a known event is malformed */
  constructor(
    private readonly decider: Decider<Command, State, Event>,
    private readonly readEvent: (type: string, data: unknown) => Event | null,
  ) {
    this.unread = { state: decider.initialState, revision: 'none', commands: [], link: null };
  }

  /** What is new in the stream since `known`. */
  async read(log: EventLog, stream: string, known: SmallFold<State> = this.unread): Promise<SmallFold<State>> {
    const from = known.revision === 'none' ? 0n : known.revision + 1n;
    const { events } = await log.read(stream, from);
    return events.reduce((folded, event) => this.fold(folded, event), known);
  }

  /** Passes over events of a type that this version does not know. */
  fold(folded: SmallFold<State>, recorded: RecordedEvent): SmallFold<State> {
    const event = this.readEvent(recorded.type, recorded.data);
    const commandId = (recorded.metadata as Partial<CommandContext> | null)?.commandId;
    return {
      state: event ? this.decider.evolve(folded.state, event) : folded.state,
      revision: recorded.revision,
      commands: typeof commandId === 'string' ? remember(folded.commands, commandId) : folded.commands,
      link: linkOf(recorded),
    };
  }

  /**
   * A command that was carried out before, and one that asks for what is so already, changes nothing.
   * @param read brings the stream up to date; from nothing where it is not given
   * @throws what the decider refuses with, RevisionConflict, LogUnavailable
   */
  async execute(
    { log, clock }: Ports,
    stream: string,
    command: Command,
    context: CommandContext,
    read: () => Promise<SmallFold<State>> = () => this.read(log, stream),
  ): Promise<SmallOutcome<State>> {
    for (let round = 1; ; round++) {
      const folded = await read();
      const isRepeated = folded.commands.includes(context.commandId);
      const events = isRepeated ? [] : this.decider.decide(command, folded.state);
      if (events.length === 0) return { folded, changed: false, position: null };
      const made = events.map((event, index) => toStore(stream, event, context, index));
      const { events: stored, link } = chained(stream, made, folded.revision, folded.link);
      try {
        const limits = DEFAULT_APPEND_LIMITS;
        const { revision, position } = await appendWithRetry(log, clock, stream, stored, folded.revision, limits);
        const state = events.reduce((before, event) => this.decider.evolve(before, event), folded.state);
        const commands = remember(folded.commands, context.commandId);
        return { folded: { state, revision, commands, link }, changed: true, position };
      } catch (error) {
        if (!(error instanceof RevisionConflict) || round >= MAX_ROUNDS) throw error;
      }
    }
  }
}

/** An event as it is stored; its place in the stream comes later. `correlationId`: what it is part of, the stream itself by default. */
export const toStore = (
  stream: string,
  { type, data }: Message<string, unknown>,
  { commandId, actor, reason, at, causationId, traceparent, requestId }: CommandContext,
  index: number,
  correlationId = stream,
): Unchained => {
  const metadata = {
    commandId,
    $correlationId: correlationId,
    $causationId: causationId ?? commandId,
    actor,
    reason,
    occurredAt: at.toISOString(),
    traceparent,
    ...(requestId !== undefined && { requestId }),
  };
  const dataHash = hashOf(data);
  const id = eventId(stream, commandId, index, contentOf(type, dataHash, metadata));
  return { event: { id, type, data: data, metadata }, dataHash };
};
