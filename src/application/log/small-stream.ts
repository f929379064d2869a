/** Commands to things whose whole history is short. Executions have workflows.ts. */
import type { Decider, Message } from '../../domain/decider.js';
import type { Clock } from '../runtime/clock.js';
import { enveloped, type CommandContext } from './envelope.js';
import { linkOf } from './event-hash.js';
import type { EventLog, RecordedEvent } from './event-log.js';
import { ForeignEvents } from './foreign-events.js';
import { readOn, remember, StreamWriter, type StreamFold } from './stream-writer.js';

/** One stream as far as it has been read. */
export type SmallFold<State> = StreamFold & Readonly<{ state: State }>;

export type SmallOutcome<State> = Readonly<{
  folded: SmallFold<State>;
  changed: boolean;
  /** Of the last event appended; null when none was. */
  position: bigint | null;
}>;

type Ports = Readonly<{ log: EventLog; clock: Clock; foreign?: ForeignEvents | undefined }>;

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
  read(
    { log, foreign }: Omit<Ports, 'clock'>,
    stream: string,
    known: SmallFold<State> = this.unread,
  ): Promise<SmallFold<State>> {
    return readOn(log, stream, known, (folded, event) => this.fold(folded, event, foreign));
  }

  /** Passes over events of a type that this version does not know, and over foreign ones: they change no state. */
  fold(folded: SmallFold<State>, recorded: RecordedEvent, foreign?: ForeignEvents): SmallFold<State> {
    const { revision } = recorded;
    const link = linkOf(recorded);
    try {
      const event = this.readEvent(recorded.type, recorded.data);
      const state = event ? this.decider.evolve(folded.state, event) : folded.state;
      const commandId = (recorded.metadata as Partial<CommandContext> | null)?.commandId;
      const commands = typeof commandId === 'string' ? remember(folded.commands, commandId) : folded.commands;
      return { state, revision, commands, link };
    } catch (error) {
      foreign?.found(recorded, error);
      return { ...folded, revision, link };
    }
  }

  /**
   * A command that was carried out before, and one that asks for what is so already, changes nothing.
   * @param read brings the stream up to date; from nothing where it is not given
   * @throws what the decider refuses with, RevisionConflict, LogUnavailable
   */
  async execute(
    { log, clock, foreign }: Ports,
    stream: string,
    command: Command,
    context: CommandContext,
    read: () => Promise<SmallFold<State>> = () => this.read({ log, foreign }, stream),
  ): Promise<SmallOutcome<State>> {
    const causationId = context.causationId ?? context.commandId;
    const belonging = { owner: stream, correlationId: stream, causationId };
    const written = await new StreamWriter(log, clock).write(
      stream,
      context.commandId,
      { fresh: read },
      ({ state }) => {
        const events = this.decider.decide(command, state);
        return { events, unchained: events.map((event, index) => enveloped(event, context, index, belonging)) };
      },
    );
    const { fold } = written;
    if (!written.appended) return { folded: fold, changed: false, position: null };
    const { revision, position, commands, link } = written.appended;
    const state = written.decision.events.reduce((before, event) => this.decider.evolve(before, event), fold.state);
    return { folded: { state, revision, commands, link }, changed: true, position };
  }
}
