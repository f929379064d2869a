import type { HighWaterMark } from './live-source.js';

/** Whether all rows that were added late were told, by the tables' own count of them. */
export class LateWatch {
  /** Late rows that were told since the count was looked at first. */
  private told = 0n;
  private first: HighWaterMark | null = null;
  private suspected: bigint | null = null;

  count(): void {
    this.told += 1n;
  }

  /** Whether rows came to be there of which nothing was told; of rows that may still be on their way only the next time. */
  isUnexplained(reach: HighWaterMark): boolean {
    const { first, suspected } = this;
    this.first ??= reach;
    if (!first) return false;
    const missing = reach.late - first.late - this.told;
    const isUnexplained = reach.exchanged !== first.exchanged || (missing > 0n && suspected === missing);
    this.suspected = missing > 0n ? missing : null;
    if (isUnexplained) [this.first, this.told, this.suspected] = [reach, 0n, null];
    return isUnexplained;
  }
}
