import type { EventLog, RecordedEvent } from './event-log.js';

const PAGE_EVENTS = 20;
/** Pages of one look. What is not found by then is looked for from there the next time. */
const PAGES = 50;

/** Finds what comes next in some streams, and does not read again what is in others. */
export class NextEvent {
  private passed: bigint | 'start' = 'start';

  constructor(
    private readonly log: Pick<EventLog, 'page'>,
    private readonly prefixes: readonly string[],
  ) {}

  /** @param position never lower than the time before. @throws LogUnavailable */
  async after(position: bigint | 'start'): Promise<RecordedEvent | null> {
    if (position !== 'start' && (this.passed === 'start' || this.passed < position)) this.passed = position;
    for (let pages = 0; pages < PAGES; pages++) {
      const page = await this.log.page(this.passed, PAGE_EVENTS);
      const next = page.find(({ stream }) => this.prefixes.some((prefix) => stream.startsWith(prefix)));
      if (next) return next;
      this.passed = page.at(-1)?.position ?? this.passed;
      if (page.length < PAGE_EVENTS) return null;
    }
    return null;
  }
}
