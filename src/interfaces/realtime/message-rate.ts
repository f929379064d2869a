/** Messages of one client, second by second. */
export class MessageRate {
  private since = -Infinity;
  private messages = 0;

  constructor(private readonly perSecond: number) {}

  /** Counts one. @param now milliseconds, from any beginning */
  isTooMany(now: number): boolean {
    if (now - this.since >= 1_000) [this.since, this.messages] = [now, 0];
    return ++this.messages > this.perSecond;
  }
}
