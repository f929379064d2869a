/** The bulk pass: executions folded whole in memory, their rows copied into tables without indexes, and those made at the end. */
import { STREAM_PREFIX } from '../../domain/workflow/index.js';
import type { EventLog, RecordedEvent } from '../log/event-log.js';
import { sizeOfEvent } from '../log/event-size.js';
import type { Ids } from '../log/ids.js';
import type { Applier } from '../projections/applier.js';
import { CannotApply } from '../projections/projection-store.js';
import type { Projection } from '../projections/projection.js';
import { sleep, type Clock } from '../runtime/clock.js';
import { failpoint } from '../runtime/failpoint.js';
import type { BulkPass, BulkWriter, EncodedRows, StreamOrderedLog } from './bulk-store.js';
import { ExecutionFold, gathered, OpenFolds, touchedBy } from './execution-fold.js';
import { readUntil } from './read-until.js';

export type BulkLimits = Readonly<{
  /** Events that are written at once one by one; and that are copied at once. The pause after them leaves the machine to others. */
  batch: number;
  copied: number;
  pauseMs: number;
  /** Of events' texts: of executions that are folded at a time, and of one that is copied in parts beyond it. */
  foldedBytes: number;
  /** Of a page that is read by stream. */
  pageBytes: number;
  /** In the order of the log: events between two places at which a pass that was interrupted goes on. */
  rangeEvents: number;
}>;

type Dependencies = Readonly<{
  log: EventLog;
  /** Where the log is a table of this database. */
  streams: StreamOrderedLog | undefined;
  clock: Clock;
  ids: Ids;
  writer: BulkWriter;
  /** For what is left for later: it stands where the shadow's checkpoints are. */
  openApplier: () => Promise<Readonly<{ applier: Applier; after: bigint | 'start' }>>;
}>;

/** Rows on their way, and events that are left for later. */
type Made = Readonly<{ rows: EncodedRows; later: readonly RecordedEvent[] }>;

/** One pass over the log for all of `projections`, which have begun it together. */
export class BulkBuild {
  private pass: BulkPass;
  private since: number;
  private writing: Promise<void> = Promise.resolve();

  constructor(
    private readonly dependencies: Dependencies,
    private readonly projections: readonly Projection[],
    begun: BulkPass,
    private readonly limits: BulkLimits,
    private readonly signal: AbortSignal,
    private readonly onError: (error: unknown) => void,
  ) {
    this.pass = begun;
    this.since = dependencies.clock.now().getTime();
  }

  /** The tables are then as of the pass's `to`; or empty, with their indexes, where the rows could not be used. */
  async run(): Promise<void> {
    const { writer, streams } = this.dependencies;
    if (!this.pass.isRead) {
      // Begun by an instance that has the log in this database, as this one has not.
      if (this.pass.order === 'stream' && !streams) return writer.giveUp(this.pass);
      await (this.pass.order === 'stream' && streams ? this.byStream(streams) : this.byPosition());
      await this.reach({ ...this.pass, isRead: true });
    }
    failpoint('before-indexes');
    if (!(await writer.addIndexes(this.projections.map(({ table }) => table)))) return writer.giveUp(this.pass);
    if (!(await this.applyLater())) return writer.giveUp(this.pass);
    const versions = new Map(this.projections.map(({ table, version }) => [table, version]));
    await writer.finish(this.pass, versions);
    failpoint('bulk-finished');
  }

  private async byStream(streams: StreamOrderedLog): Promise<void> {
    const { copied, foldedBytes, pageBytes } = this.limits;
    const asked = { prefix: STREAM_PREFIX, after: this.pass.reached, to: this.pass.to };
    let folds: ExecutionFold[] = [];
    let [events, bytes] = [0, 0];
    let next: BulkPass = this.pass;
    const flush = async (isWhole: boolean) => {
      const taken = folds;
      const reached = isWhole ? next : null;
      [folds, events, bytes] = [[], 0, 0];
      await this.write(taken, reached);
    };
    for await (const page of streams.pages({ ...asked, events: copied, bytes: pageBytes })) {
      this.signal.throwIfAborted();
      for (const { event, bytes: size } of page) {
        let fold = folds.at(-1);
        if (fold?.stream !== event.stream) {
          if (fold && (events >= copied || bytes >= foldedBytes / 8)) await flush(true);
          fold = new ExecutionFold(event.stream, this.projections);
          folds.push(fold);
        } else if (fold.bytes >= foldedBytes) {
          // One that is this long is taken in parts: the rows so far, and the rest later.
          await flush(false);
          fold = new ExecutionFold(event.stream, this.projections, false);
          folds.push(fold);
        }
        fold.take(event, size);
        bytes += size;
        events += 1;
        next = counted(next, event, event.stream);
      }
    }
    await flush(true);
    await this.writing;
  }

  private async byPosition(): Promise<void> {
    const { log, clock, ids } = this.dependencies;
    const { to, reached } = this.pass;
    const { copied, foldedBytes } = this.limits;
    const open = new OpenFolds(this.projections, { batch: copied, foldedBytes });
    let next: BulkPass = this.pass;
    let inRange = 0;
    const take = async (events: readonly RecordedEvent[]) => {
      const gone: ExecutionFold[] = [];
      for (const event of events) {
        // A lost subscription may give again what it gave.
        if (next.last && event.position <= next.last.position) continue;
        gone.push(...open.take(event, sizeOfEvent(event)));
        next = counted(next, event, String(event.position));
        inRange += 1;
      }
      const isFull = inRange >= this.limits.rangeEvents;
      if (isFull) {
        gone.push(...open.rest());
        inRange = 0;
      }
      if (isFull || gone.length > 0) await this.write(gone, isFull ? next : null);
    };
    const after = reached === null ? 'start' : BigInt(reached);
    await readUntil(
      { log, clock, ids },
      { after, to, batch: copied, signal: this.signal, onError: this.onError, take },
    );
    await this.write(open.rest(), next);
    await this.writing;
  }

  /** Reading, folding and encoding go on while it writes; what comes next waits for it. @param reached null: not to be committed yet */
  private async write(folds: readonly ExecutionFold[], reached: BulkPass | null): Promise<void> {
    const made = this.made(folds);
    made.catch(() => undefined);
    await this.writing;
    this.signal.throwIfAborted();
    this.writing = (async () => {
      await this.add(folds, made);
      if (reached) await this.reach(reached);
      await sleep(this.dependencies.clock, this.limits.pauseMs, this.signal);
    })();
    this.writing.catch(() => undefined);
  }

  /** Where the data are at fault, fewer and fewer executions, until the one is found whose rows cannot be written. */
  private async add(folds: readonly ExecutionFold[], made = this.made(folds)): Promise<void> {
    const { writer } = this.dependencies;
    try {
      failpoint('inside-a-range');
      const { rows, later } = await made;
      await writer.add(this.pass, rows, later);
    } catch (error) {
      if (!(error instanceof CannotApply)) throw error;
      const [only, ...others] = folds;
      if (only && others.length === 0) return writer.add(this.pass, new Map(), only.events);
      const half = folds.length >> 1;
      await this.add(folds.slice(0, half));
      await this.add(folds.slice(half));
    }
  }

  /** @throws CannotApply */
  private async made(folds: readonly ExecutionFold[]): Promise<Made> {
    const { rows, later } = gathered(folds);
    return { rows: await this.dependencies.writer.encode(rows), later };
  }

  private async reach(next: BulkPass): Promise<void> {
    const now = this.dependencies.clock.now().getTime();
    const timed = { ...next, buildMs: this.pass.buildMs + now - this.since };
    this.since = now;
    failpoint('before-reach');
    await this.dependencies.writer.reach(this.pass, timed);
    this.pass = timed;
    failpoint('after-reach');
  }

  /**
   * By the applier, which knows what is poison, what operators have decided, and how rows that are there change.
   * @returns false where an event touches a row of another execution: which of both came first is lost by then
   */
  private async applyLater(): Promise<boolean> {
    const { writer, clock, openApplier } = this.dependencies;
    const { applier, after } = await openApplier();
    for (let place = after; ;) {
      this.signal.throwIfAborted();
      const events = await writer.later(this.pass, place, this.limits.batch);
      const last = events.at(-1);
      if (!last) return true;
      for (const [table, touched] of touchedBy(this.projections, events))
        if (await writer.areOfOthers(table, touched)) return false;
      await applier.advance(events, last.position);
      place = last.position;
      await sleep(clock, this.limits.pauseMs, this.signal);
    }
  }
}

const counted = (pass: BulkPass, { position, id, recordedAt }: RecordedEvent, reached: string): BulkPass => {
  const last = pass.last && pass.last.position > position ? pass.last : { position, id, recordedAt };
  return Object.assign({}, pass, { events: pass.events + 1, reached, last });
};
