/** Which log the tables were made of. What they remember of it is compared with the log that is there now. */
import { measured } from './event-hash.js';
import {
  LogMismatch,
  LogUnavailable,
  RevisionConflict,
  StreamTombstoned,
  type EventLog,
  type RecordedEvent,
} from './event-log.js';
import { eventId, type Ids } from './ids.js';
import { StreamWriter } from './stream-writer.js';
import { sleep, type Clock } from '../runtime/clock.js';
import { reasonOf, type Notify } from '../runtime/errors.js';
import type { HealthCheck } from '../runtime/metrics.js';

/** Its first event names the log. Nobody follows it, and it is no part of the audited history: there is nothing to prove in it. */
export const LOG_STREAM = 'log-identity';
const LOG_IDENTIFIED = 'LogIdentified';
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** An event by which a log is known again. */
export type LogMark = Pick<RecordedEvent, 'position' | 'id'>;

/** How far one follower has read the log. */
export type FollowerPlace = Readonly<{
  follower: string;
  position: bigint;
  /** The last event that it has taken in, at or before that position; null where none was noted. */
  lastEvent: LogMark | null;
}>;

export type RememberedLog = Readonly<{
  /** Null where the tables were never bound to a log. */
  logId: string | null;
  places: readonly FollowerPlace[];
}>;

/** What the database knows of the log that it was written from. */
export abstract class LogMemory {
  abstract read(): Promise<RememberedLog>;
  /** Keeps the id where there is none yet. */
  abstract bind(logId: string): Promise<void>;
}

type LogLook = Readonly<{
  /** Null where the log has none; undefined where an operator has tombstoned the stream that holds it. */
  logId: string | null | undefined;
  head: bigint | 'start';
  at: ReadonlyMap<bigint, RecordedEvent | 'none' | 'inside'>;
}>;

/** What is not as it is remembered, for people; null where the log is the right one. */
export const differenceOf = ({ logId, places }: RememberedLog, look: LogLook): string | null => {
  const furthest = places.reduce<FollowerPlace | null>(
    (far, each) => (far && far.position >= each.position ? far : each),
    null,
  );
  const end = look.head === 'start' ? 'it is empty' : `it ends at position ${look.head}`;
  const readTo = furthest ? `${furthest.follower} has read up to ${furthest.position}` : 'nothing was read yet';
  const facts = `${end}, and ${readTo}`;
  if (furthest && (look.head === 'start' || look.head < furthest.position)) return facts;
  if (logId !== null && look.logId !== undefined && look.logId !== logId)
    return `${facts}; its id is ${look.logId ?? 'missing'}, expected ${logId}`;
  for (const { follower, position, lastEvent } of places) {
    const found = lastEvent && look.at.get(lastEvent.position);
    if (lastEvent && found !== undefined && (typeof found === 'string' || found?.id !== lastEvent.id)) {
      const there = typeof found === 'string' ? 'no event begins' : `event ${found?.id} stands`;
      return `${facts}; at position ${lastEvent.position}, where ${follower} has read event ${lastEvent.id}, ${there}`;
    }
    if (look.at.get(position) === 'inside')
      return `${facts}; at position ${position}, where ${follower} has to go on, no event begins`;
  }
  return null;
};

export const mismatchOf = (difference: string): string =>
  `The event log is not the one that this database was written from: ${difference}. Connect or restore the right log, ` +
  'and everything goes on by itself. Of a copy that `eventstore:copy` made, run `npm run audit -- move`; if another log is to stay, stop all instances and run `npm run eventstore:adopt`';

/** Where the log's places are that have to be looked at. */
const positionsIn = (places: readonly FollowerPlace[]): readonly bigint[] => [
  ...new Set(places.flatMap(({ position, lastEvent }) => (lastEvent ? [lastEvent.position, position] : [position]))),
];

const FIRST_EVENTS = 10;

const logIdOf = async (log: EventLog): Promise<LogLook['logId']> => {
  try {
    const first = await log.readPage(LOG_STREAM, { direction: 'forwards', from: 0n, limit: FIRST_EVENTS });
    const ids = first.flatMap(({ type, data }) => {
      const { logId } = (data ?? {}) as Readonly<{ logId?: unknown }>;
      return type === LOG_IDENTIFIED && typeof logId === 'string' && UUID.test(logId) ? [logId] : [];
    });
    return ids[0] ?? null;
  } catch (error) {
    if (error instanceof StreamTombstoned) return undefined;
    throw error;
  }
};

/** The log as far as it can be compared with what is remembered. @throws LogUnavailable */
export const lookAt = async (log: EventLog, { places }: Pick<RememberedLog, 'places'>): Promise<LogLook> => {
  const [logId, head, found] = await Promise.all([
    logIdOf(log),
    log.head(),
    Promise.all(positionsIn(places).map(async (position) => [position, await log.at(position)] as const)),
  ]);
  return { logId, head, at: new Map(found) };
};

/** Writes an id into a log that has none. Of two instances that do so at once one wins. @returns the log's id */
export const identifyLog = async (log: EventLog, clock: Clock, ids: Ids): Promise<string> => {
  const logId = ids.uuid();
  const data = { logId };
  const metadata = { occurredAt: clock.now().toISOString(), actor: { type: 'system', id: 'log' } };
  const { dataHash, content, bytes } = measured(LOG_IDENTIFIED, data, metadata);
  const id = eventId(LOG_STREAM, logId, 0, content);
  const unchained = [{ event: { id, type: LOG_IDENTIFIED, data, metadata }, dataHash, bytes }];
  try {
    await new StreamWriter(log, clock).appendBehind(LOG_STREAM, unchained, { revision: 'none', link: null });
    return logId;
  } catch (error) {
    const winner = error instanceof RevisionConflict ? await logIdOf(log) : null;
    if (!winner) throw error;
    return winner;
  }
};

export type IdentityLimits = Readonly<{
  /** Between two looks, where nothing has given cause for one. */
  everyMs: number;
  /** Before a difference that is new is believed: a node that stands still answers from what it knew. */
  confirmMs: number;
  /** For a look as a whole. */
  timeoutMs: number;
}>;

export const DEFAULT_IDENTITY_LIMITS: IdentityLimits = { everyMs: 1_000, confirmMs: 1_000, timeoutMs: 5_000 };

type Ports = Readonly<{
  /** The log itself: what is guarded by this would wait for itself. */
  log: EventLog;
  memory: LogMemory;
  clock: Clock;
  ids: Ids;
  notify: Notify;
}>;

const LATE = Symbol('late');

/** Whether the log is the one that the tables were made of, as this instance knows it. */
export class LogIdentity {
  /** Null where the log is the right one, as far as is known. */
  private mismatch: LogMismatch | null = null;
  private looking: Promise<void> | undefined;
  private binding: Promise<void> | undefined;
  private lookedAt: number | null = null;
  /** Each call that fails may have met the last of one log; what comes next is the first of another. */
  private suspicions = 1;
  private clearedSuspicions = 0;
  private remembered: RememberedLog | undefined;
  /** The furthest event that went through this instance. */
  private seen: LogMark | null = null;

  constructor(
    private readonly ports: Ports,
    private readonly limits: IdentityLimits = DEFAULT_IDENTITY_LIMITS,
  ) {}

  /** Whether the log may be used without another look. */
  get isSure(): boolean {
    return this.mismatch === null && this.clearedSuspicions === this.suspicions;
  }

  /** Costs nothing while nothing has failed. @throws LogMismatch, LogUnavailable where that cannot be found out now */
  async mustMatch(): Promise<void> {
    if (this.isSure) return;
    if (this.mismatch === null || !this.isRecent()) await this.look();
    if (this.mismatch) throw this.mismatch;
  }

  /** The same at each subscription, and for health: looks again where the last look is old. */
  async check(): Promise<void> {
    if (!this.isSure || !this.isRecent()) await this.look();
    if (this.mismatch) throw this.mismatch;
  }

  /** For readiness. A log or a database that cannot be asked has a check of its own. */
  async health(): Promise<HealthCheck> {
    const error = await this.check().catch((caught: unknown) => caught);
    if (this.mismatch) return { ok: false, detail: this.mismatch.message };
    if (this.lookedAt === null) return { ok: false, detail: 'it was not compared with the database yet' };
    return error ? { ok: true, detail: 'it cannot be compared with the database now' } : { ok: true };
  }

  /** A call of the log has failed: it may be another one when it answers again. */
  suspect(): void {
    this.suspicions += 1;
  }

  /** @throws LogMismatch where it is known that the log is not the right one */
  saw(event: RecordedEvent | null): void {
    if (this.mismatch) throw this.mismatch;
    if (event && (this.seen === null || event.position > this.seen.position)) this.seen = event;
  }

  private isRecent(): boolean {
    return this.lookedAt !== null && this.ports.clock.now().getTime() - this.lookedAt < this.limits.everyMs;
  }

  /** One at a time; those who ask meanwhile wait for it. */
  private look(): Promise<void> {
    return (this.looking ??= this.lookInTime().finally(() => (this.looking = undefined)));
  }

  private async lookInTime(): Promise<void> {
    const { suspicions } = this;
    const over = new AbortController();
    const { timeoutMs } = this.limits;
    const late = sleep(this.ports.clock, timeoutMs, over.signal).then((): typeof LATE => LATE);
    const comparing = this.compare();
    comparing.catch(() => undefined); // it may end after it was given up
    try {
      const difference = await Promise.race([comparing, late]);
      if (difference === LATE)
        throw new LogUnavailable(
          `It could not be found out within ${timeoutMs} ms whether the event log is the right one`,
        );
      this.conclude(difference);
      this.clearedSuspicions = suspicions;
    } finally {
      over.abort();
    }
  }

  private async compare(): Promise<string | null> {
    const difference = await this.compareOnce();
    if (difference === null || this.mismatch) return difference;
    await sleep(this.ports.clock, this.limits.confirmMs);
    return this.compareOnce();
  }

  /** What is remembered is read first: what was read of the log before must be in it now. */
  private async compareOnce(): Promise<string | null> {
    const { log } = this.ports;
    const known = await this.recall();
    const own = this.seen && { follower: 'this instance', position: this.seen.position, lastEvent: this.seen };
    const remembered = own ? { ...known, places: [...known.places, own] } : known;
    const look = await lookAt(log, remembered);
    const difference = differenceOf(remembered, look);
    if (difference === null && known.logId === null && look.logId !== undefined) this.binding ??= this.bind(look.logId);
    return difference;
  }

  /** While the database is away, what it said last. @throws LogUnavailable before the first answer */
  private async recall(): Promise<RememberedLog> {
    try {
      return (this.remembered = await this.ports.memory.read());
    } catch (error) {
      if (this.remembered) return this.remembered;
      const why = reasonOf(error);
      throw new LogUnavailable(`The database cannot say which event log is the right one: ${why}`, { cause: error });
    }
  }

  /** Nothing waits for it. Where it does not succeed, as with a log that cannot be written now, the next look tries again. */
  private async bind(found: string | null): Promise<void> {
    const { log, memory, clock, ids } = this.ports;
    try {
      await memory.bind(found ?? (await identifyLog(log, clock, ids)));
    } catch {
      // What cannot be written has a check of its own.
    } finally {
      this.binding = undefined;
    }
  }

  private conclude(difference: string | null): void {
    const before = this.mismatch;
    this.lookedAt = this.ports.clock.now().getTime();
    if (difference === null) {
      this.mismatch = null;
      if (before) this.ports.notify('log', 'The event log is the right one again: everything goes on');
      return;
    }
    this.mismatch = new LogMismatch(mismatchOf(difference));
    if (!before)
      this.ports.notify('error', `${this.mismatch.message}. Until then nothing is followed, signed or started`);
  }
}
