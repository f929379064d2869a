/**
 * Looks for the events that a filter wants. A regular expression comes from a client and costs what the client likes, so
 * such searches take turns, give way to all else after a few milliseconds, and rest for as long as they worked.
 */
import { setImmediate as nextRound, setTimeout as delay } from 'node:timers/promises';
import type { Limits } from '../limits.js';
import type { Reader } from '../storage/reader.js';
import type { Filter } from './filter.js';
import { filteredPage, type Page, type Search } from './log-reads.js';

/** One after the other, and each caller in its turn: a caller that asks a hundred times waits behind one that asks once. */
export class FairTurns {
  private isTaken = false;
  /** Callers in the order of their turns, with what each has waiting. */
  private readonly waiting = new Map<string, (() => void)[]>();

  /** Resolves when it is this caller's turn; `leave` is to be called after it. */
  take(caller: string): Promise<void> {
    if (!this.isTaken) {
      this.isTaken = true;
      return Promise.resolve();
    }
    return new Promise((begin) => {
      const own = this.waiting.get(caller);
      if (own) own.push(begin);
      else this.waiting.set(caller, [begin]);
    });
  }

  leave(): void {
    const [next] = this.waiting;
    if (!next) {
      this.isTaken = false;
      return;
    }
    const [caller, own] = next;
    const begin = own.shift();
    this.waiting.delete(caller);
    if (own.length > 0) this.waiting.set(caller, own);
    begin?.();
  }
}

/** The caller that searches, and until when it is of use. `name` is that of its connection. */
export type Caller = Readonly<{ name: string; signal: AbortSignal }>;

type Named = Parameters<Filter['matches']>[0];

export class Searches {
  private readonly turns = new FairTurns();

  constructor(
    private readonly reader: Reader,
    private readonly limits: Pick<Limits, 'scanEvents' | 'searchSliceMs' | 'searchSharePercent'>,
  ) {}

  /** From the database. Empty when the caller has left. */
  page(search: Omit<Search, 'limit'>, caller: Caller): Promise<Page> {
    const whole = { ...search, limit: this.limits.scanEvents };
    return this.inTurn(search.filter, caller, { events: [], scanned: [], upTo: search.position }, (choose) =>
      filteredPage(this.reader, whole, choose),
    );
  }

  /** Of events that are at hand. */
  among<E extends Named>(events: readonly E[], filter: Filter, caller: Caller): Promise<readonly E[]> {
    return this.inTurn<readonly E[]>(filter, caller, [], (choose) => choose(events));
  }

  private async inTurn<Found>(
    filter: Filter,
    { name, signal }: Caller,
    nothing: Found,
    search: (choose: <E extends Named>(events: readonly E[]) => Promise<readonly E[]>) => Promise<Found>,
  ): Promise<Found> {
    if (!filter.isCostly) return search(async (events) => events.filter(filter.matches));
    await this.turns.take(name);
    let workedMs = 0;
    try {
      if (signal.aborted) return nothing;
      const found = await search(async <E extends Named>(events: readonly E[]) => {
        const wanted: E[] = [];
        let begin = performance.now();
        for (const event of events) {
          if (filter.matches(event)) wanted.push(event);
          const ms = performance.now() - begin;
          if (ms < this.limits.searchSliceMs) continue;
          workedMs += ms;
          await nextRound();
          if (signal.aborted) break;
          begin = performance.now();
        }
        workedMs += performance.now() - begin;
        return wanted;
      });
      return signal.aborted ? nothing : found;
    } finally {
      void this.rest(workedMs).then(() => this.turns.leave());
    }
  }

  private async rest(workedMs: number): Promise<void> {
    const { searchSliceMs, searchSharePercent } = this.limits;
    // What was over in no time need not be made up for.
    if (workedMs > searchSliceMs) await delay(workedMs * (100 / searchSharePercent - 1), undefined, { ref: false });
  }
}
