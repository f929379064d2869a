/**
 * Copies a log in three acts: the events in the order of the source, then each stream's metadata, then the tombstones. Metadata
 * come late since a server writes metadata of its own when a deleted stream is appended to. What is there is compared, not
 * remembered: the target holds the beginning of the copy, so its own log says how far the copy got.
 */
import { copyLimits, type CopyLimits } from './limits.js';
import { LogSide } from './log-side.js';
import { events, metadata, tombstones, type Step } from './pass.js';
import { Runs } from './runs.js';
import type { Server } from './server.js';
import { CopyWriter } from './writer.js';

/**
 * Up to the source's head of this moment, then compares both logs from their start. Returns the number of events written.
 * @throws Conflict where the target holds something else
 * @throws Lost where a server went away: the same call goes on where this one stopped
 */
export async function copyLog(
  source: Server,
  target: Server,
  report: (step: Step) => void,
  limits: CopyLimits = copyLimits,
): Promise<number> {
  const head = (await source.head()) ?? -1n;
  const writer = new CopyWriter(target, limits);
  const pass = async (runs?: Runs) => {
    const sides = { source: new LogSide(source, limits), target: new LogSide(target, limits) };
    const both = { ...sides, head, limits, report, ...(runs ? { runs } : {}) };
    await events(both);
    await metadata(both);
    return tombstones(both);
  };
  try {
    const runs = new Runs(writer, limits);
    const ended = await pass(runs);
    await pass();
    return runs.written + ended;
  } finally {
    writer.close();
  }
}
