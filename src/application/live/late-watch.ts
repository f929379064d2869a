import type { Reach } from './live-source.js';

/**
 * Tells late rows from those in order: changes are told as they were committed, and the one who writes goes upwards but
 * where it comes back to an execution that was held back. What it cannot tell so, the tables' own count shows.
 */
export class LateWatch {
  private highest: bigint | null = null;
  /** Late rows that were told since the count was looked at first. */
  private told = 0n;
  private first: Reach | null = null;
  private suspected: bigint | null = null;

  isLate(position: bigint): boolean {
    const late = this.highest !== null && position <= this.highest;
    if (late) this.told += 1n;
    else this.highest = position;
    return late;
  }

  /** Whether rows came to be there of which nothing was told; of rows that may still be on their way only the next time. */
  isUnexplained(reach: Reach): boolean {
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
