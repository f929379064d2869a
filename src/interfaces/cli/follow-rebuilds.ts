import { setTimeout as delay } from 'node:timers/promises';
import type { ProjectionTools } from '../../composition/read-tables.js';
import { ProgressBar } from './progress-bar.js';
import { rebuildLines } from './projection-text.js';

const LOOK_EVERY_MS = 250;
const UNDER_WAY: ReadonlySet<unknown> = new Set(['building', 'accepted', 'rolling_back']);
const GOOD: ReadonlySet<unknown> = new Set(['swapped', 'rolled_back']);

/**
 * Shows how far rebuilds are until none is under way.
 * @param approved asked once for each that differs from the live table; true: it goes on
 * @returns 0 where all ended in a table that is live, 1 otherwise
 */
export const followRebuilds = async (
  { admin, log }: ProjectionTools,
  tables: readonly string[],
  approved: (table: string, rebuildId: string) => Promise<boolean>,
  write: (line: string) => void,
  signal: AbortSignal,
): Promise<number> => {
  const bar = new ProgressBar(process.stdout);
  const open = new Set(tables);
  let failed = false;
  while (open.size > 0 && !signal.aborted) {
    const head = await log.head();
    for (const table of open) {
      const view = await admin.rebuilds.view(table);
      const { rebuild, building } = view;
      if (UNDER_WAY.has(rebuild?.phase)) {
        const done = Number(building?.position ?? 0);
        const work = { done, total: head === 'start' ? 0 : Number(head), events: building?.events ?? null };
        bar.show({ label: `${table}: ${rebuild?.phase}`, ...work });
        continue;
      }
      bar.end();
      for (const line of rebuildLines(view)) write(`${table}: ${line}`);
      if (rebuild?.phase === 'refused' && (await approved(table, rebuild.id))) continue;
      failed ||= !GOOD.has(rebuild?.phase);
      open.delete(table);
    }
    if (open.size > 0) await delay(LOOK_EVERY_MS, undefined, { signal }).catch(() => undefined);
  }
  if (signal.aborted)
    write('Interrupted. The rebuild is not lost: a running application goes on with it, or this command again.');
  return failed || signal.aborted ? 1 : 0;
};
