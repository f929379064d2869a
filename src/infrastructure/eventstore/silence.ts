/**
 * Tells an idle subscription from a lost one. A server need not send anything while nothing matches (EventStoreDB never
 * does): what counts is whether the log holds an event that the subscription should have been given.
 */
import type { EventLog, SubscriptionMessage } from '../../application/log/event-log.js';

type Position = bigint | 'start';

export type Watched = Readonly<{
  prefixes: readonly string[];
  after: Position;
  /** An event that is in the log and is not heard for this long means that the subscription is lost, milliseconds. */
  silenceMs: number;
  log: Pick<EventLog, 'head' | 'page'>;
}>;

/** Looks this many times within `silenceMs`; so many looks in a row that find an event which was not heard are a loss. */
const LOOKS = 4;
const MISSES = 3;
/** Events that one look reads at a time. */
const PAGE_EVENTS = 100;

export class SilenceWatch {
  private readonly timer: NodeJS.Timeout;
  /** Up to here the log holds nothing that is still to be heard. */
  private passed: Position;
  private isSilent = true;
  private isListening = true;
  private isLooking = false;
  private misses = 0;

  constructor(
    private readonly watched: Watched,
    private readonly lost: (cause: Error) => void,
  ) {
    this.passed = watched.after;
    this.timer = setInterval(() => void this.look(), watched.silenceMs / LOOKS);
  }

  /** From here to `listens` the subscriber is busy: nothing is taken from the connection, so nothing can be missed. */
  heard(seen: SubscriptionMessage | null): void {
    this.isListening = false;
    if (seen?.kind === 'event') this.pass(seen.event.position);
    if (seen?.kind === 'checkpoint') this.pass(seen.position);
  }

  listens(): void {
    this.isListening = true;
    this.isSilent = false;
    this.misses = 0;
  }

  stop(): void {
    clearInterval(this.timer);
  }

  private async look(): Promise<void> {
    const wasSilent = this.isSilent;
    this.isSilent = true;
    if (!wasSilent || !this.isListening || this.isLooking) return;
    this.isLooking = true;
    // A log that cannot be read may hold anything.
    const isOwed = await this.isOwed().catch(() => true);
    this.isLooking = false;
    if (!this.isSilent || !this.isListening) return;
    this.misses = isOwed ? this.misses + 1 : 0;
    if (this.misses < MISSES) return;
    this.lost(new Error(`nothing was heard within ${this.watched.silenceMs} ms, and there was something to hear`));
  }

  /** Where nothing was appended since the last look, this reads one event. @throws LogUnavailable */
  private async isOwed(): Promise<boolean> {
    const { log, prefixes } = this.watched;
    const head = await log.head();
    while (head !== 'start' && isBefore(this.passed, head)) {
      const page = await log.page(this.passed, PAGE_EVENTS);
      const last = page.at(-1);
      if (!last) return false;
      if (page.some(({ stream }) => prefixes.some((prefix) => stream.startsWith(prefix)))) return true;
      this.pass(last.position);
    }
    return false;
  }

  private pass(position: bigint): void {
    if (isBefore(this.passed, position)) this.passed = position;
  }
}

const isBefore = (position: Position, other: bigint): boolean => position === 'start' || position < other;
