import { readlinkSync } from 'node:fs';
import { setPriority } from 'node:os';

const NICE = 10;

/**
 * This thread runs when the others of the process, and other processes, leave it time. Linux gives each thread a priority of its own
 * and tells its number; elsewhere, and where it is not allowed, nothing changes.
 */
export const giveWay = (): void => {
  try {
    const thread = Number(readlinkSync('/proc/thread-self').split('/').at(-1));
    if (Number.isInteger(thread)) setPriority(thread, NICE);
  } catch {
    // As it was.
  }
};
