import { CommandRejected } from '../../domain/decider.js';
import type { Clock } from '../runtime/clock.js';
import { OtherRevision } from '../runtime/errors.js';
import { Patience, type PatienceLimits } from './append.js';
import { bytesOf, chained, type Unchained } from './event-hash.js';
import {
  AppendOutcomeUnknown,
  AppendTooLarge,
  HistoryDamaged,
  isLogAway,
  LogUnavailable,
  RevisionConflict,
  type EventLog,
  type ExpectedRevision,
  type NewEvent,
  type RecordedEvent,
} from './event-log.js';

export type WriteLimits = PatienceLimits &
  Readonly<{
    /** How often a command is decided in all because another writer was faster each time. */
    maximumRounds: number;
  }>;

const DEFAULT_WRITE_LIMITS: WriteLimits = {
  orderMs: 5_000,
  maximumRounds: 10,
  initialPauseMs: 100,
  maximumPauseMs: 1_000,
};

/** A stream as far as it has been read: enough to append behind it and to recognise a repeated command. */
export type StreamFold = Readonly<{
  revision: ExpectedRevision;
  /** The latest commands that left events. */
  commands: readonly string[];
  /** Of the last event, for the next one to name; null before the first. */
  link: string | null;
}>;

/** Where the writer gets the fold that it decides on. */
type FoldSource<Fold> = Readonly<{
  /**
   * A fold that may be behind the log, where that spares a read: a refusal, or a decision to do nothing, is made again on a
   * fresh one. Undefined where none is remembered.
   */
  cached?: () => Fold | undefined;
  /** The stream as the log holds it now. */
  fresh: () => Promise<Fold>;
  /** Called when an append got no clear answer: its events may be in the log by now, or get there later. */
  forget?: () => unknown;
}>;

/** Where the next events of a stream go. */
type Place = Pick<StreamFold, 'revision' | 'link'>;

/** What a command leads to; nothing is appended where there are no events. */
type Decision = Readonly<{ unchained: readonly Unchained[] }>;

/** Events as they are in the log now. `revision`, `position` and `link` are those of the last one. */
type Appended = Readonly<{
  events: readonly NewEvent[];
  revision: bigint;
  position: bigint;
  link: string | null;
}>;

/** `fold` is what was decided on; `commands` are its commands and those that have just left events. */
export type Appending<Fold, Decided> = Readonly<{
  fold: Fold;
  decision: Decided;
  appended: Appended & Pick<StreamFold, 'commands'>;
}>;

type Written<Fold, Decided> = Readonly<{ fold: Fold; appended: null }> | Appending<Fold, Decided>;

/** Every event of every history gets into the log here. Only the write probe, whose events are none, goes past it. */
export class StreamWriter {
  private readonly limits: WriteLimits;

  constructor(
    private readonly log: EventLog,
    private readonly clock: Clock,
    limits: Partial<WriteLimits> = {},
  ) {
    this.limits = { ...DEFAULT_WRITE_LIMITS, ...limits };
  }

  /**
   * Reads, decides, appends, and does so again where another writer was faster. A command that has left events before leaves
   * none now. All of it together has the time of one order.
   * @throws what `decide` throws, RevisionConflict after too many rounds, AppendRefused, AppendOutcomeUnknown; LogUnavailable
   * where certainly nothing was written
   */
  async write<Fold extends StreamFold, Decided extends Decision>(
    stream: string,
    commandId: string,
    source: FoldSource<Fold>,
    decide: (fold: Fold) => Decided,
  ): Promise<Written<Fold, Decided>> {
    const patience = new Patience(this.clock, this.limits);
    try {
      return await patience.during(() => this.rounds(patience, stream, commandId, source, decide));
    } catch (error) {
      if (isLogAway(error)) source.forget?.();
      throw error;
    }
  }

  /**
   * Puts events behind the last one of a stream, for a writer that has it for itself.
   * @throws RevisionConflict where the stream has moved on, HistoryDamaged where it had events that it no longer shows,
   * AppendRefused, AppendOutcomeUnknown, LogUnavailable
   */
  async appendBehind(stream: string, unchained: readonly Unchained[], after: Place): Promise<Appended> {
    const patience = new Patience(this.clock, this.limits);
    const { events, link } = this.ready(stream, unchained, after);
    const put = await patience.during(() => patience.append(this.log, stream, events, after.revision));
    mustBeBehind(stream, after, events, put.revision);
    return { events, revision: put.revision, position: put.position, link };
  }

  private async rounds<Fold extends StreamFold, Decided extends Decision>(
    patience: Patience,
    stream: string,
    commandId: string,
    { cached, fresh }: FoldSource<Fold>,
    decide: (fold: Fold) => Decided,
  ): Promise<Written<Fold, Decided>> {
    for (let round = 1; ; round++) {
      const remembered = round === 1 ? cached?.() : undefined;
      const fold = remembered ?? (await patience.read(fresh));
      if (fold.commands.includes(commandId)) return { fold, appended: null };
      try {
        const decision = decide(fold);
        const { unchained } = decision;
        if (unchained.length > 0) {
          const { events, link } = this.ready(stream, unchained, fold);
          const { revision, position } = await patience.append(this.log, stream, events, fold.revision);
          mustBeBehind(stream, fold, events, revision);
          const commands = commandsAfter(fold, unchained);
          return { fold, decision, appended: { events, revision, position, link, commands } };
        }
        if (!remembered) return { fold, appended: null };
      } catch (error) {
        const isStale = remembered && (error instanceof CommandRejected || error instanceof OtherRevision);
        const isOvertaken = error instanceof RevisionConflict && round < this.limits.maximumRounds;
        if (!isStale && !isOvertaken) throw error;
      }
    }
  }

  /** @throws AppendTooLarge */
  private ready(stream: string, unchained: readonly Unchained[], { revision, link }: Place) {
    const [bytes, most] = [bytesOf(unchained), this.log.maxAppendBytes];
    if (bytes > most) throw new AppendTooLarge(stream, most, bytes);
    return chained(stream, unchained, revision, link);
  }
}

/** @throws HistoryDamaged where the events before them are no longer there */
const mustBeBehind = (stream: string, { revision }: Place, events: readonly NewEvent[], put: bigint): void => {
  const due = (revision === 'none' ? -1n : revision) + BigInt(events.length);
  if (put === due) return;
  throw new HistoryDamaged(stream, 'gone', `an event was expected at revision ${due}, and was put at ${put}`);
};

/** Folds what is new in the stream since `known` onto it. @throws LogUnavailable, StreamTombstoned */
export const readOn = async <Fold extends Pick<StreamFold, 'revision'>>(
  log: Pick<EventLog, 'read'>,
  stream: string,
  known: Fold,
  fold: (folded: Fold, event: RecordedEvent) => Fold,
): Promise<Fold> => {
  const from = known.revision === 'none' ? 0n : known.revision + 1n;
  const { events } = await log.read(stream, from);
  return events.reduce((folded, event) => fold(folded, event), known);
};

/**
 * Reads for the answer to a command that was carried out. @throws AppendOutcomeUnknown where the log is away by now: LogUnavailable
 * would say that nothing was written
 */
export const afterAppend = async <T>(read: () => Promise<T>): Promise<T> => {
  try {
    return await read();
  } catch (error) {
    if (!(error instanceof LogUnavailable)) throw error;
    throw new AppendOutcomeUnknown(`What was carried out cannot be read: ${error.message}`, { cause: error });
  }
};

/** How many of a stream's commands are remembered, to recognise a repeat. */
const REMEMBERED_COMMANDS = 100;

export const remember = (commands: readonly string[], commandId: string): readonly string[] =>
  commands.at(-1) === commandId ? commands : [...commands.slice(1 - REMEMBERED_COMMANDS), commandId];

const commandsAfter = ({ commands }: StreamFold, unchained: readonly Unchained[]): readonly string[] =>
  unchained.reduce(
    (known, { event }) => remember(known, (event.metadata as Readonly<{ commandId: string }>).commandId),
    commands,
  );
