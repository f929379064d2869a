import { projections } from '../../application/projections/index.js';
import type { Checked } from '../../application/projections/drift/check-execution.js';
import { DEFAULT_DRIFT_LIMITS, noteDrift } from '../../application/projections/drift/drift-watch.js';
import { verifyAll, verifySample } from '../../application/projections/drift/verify.js';
import type { ProjectionTools } from '../../composition/projection-tools.js';
import { ProgressBar } from './progress-bar.js';
import { differenceLines } from './projection-text.js';

/** Of each execution; the number of all is told in the end. */
const LINES = 20;

/** @returns 1 where something differs. What does is noted, so that health and status say so until it does not any more. */
export const verify = async (
  { admin, log, clock, ids }: ProjectionTools,
  tables: readonly string[],
  sample: number | null,
  write: (line: string) => void,
  signal: AbortSignal,
): Promise<number> => {
  const bar = new ProgressBar(process.stdout);
  const head = await log.head();
  let [executions, differing] = [0, 0];
  const onChecked = async (checked: readonly Checked[]) => {
    executions++;
    const wrong = checked.filter(({ differences }) => differences.length > 0);
    if (wrong.length > 0) differing++;
    for (const each of checked) await noteDrift(admin.records, each, clock.now(), DEFAULT_DRIFT_LIMITS.samples);
    if (wrong.length === 0) return;
    bar.end();
    for (const each of wrong) for (const line of differenceLines(each).slice(0, LINES)) write(line);
  };
  const onPosition = (position: bigint) =>
    bar.show({ label: `${executions} executions`, done: Number(position), total: Number(head), events: null });
  const chosen = projections.filter(({ table }) => tables.includes(table));
  const verification = { log, rows: admin.rows, projections: chosen, signal, onChecked, onPosition };
  if (sample === null) await verifyAll(verification);
  else await verifySample(verification, sample, () => ids.uuid());
  bar.end();
  const what = `${executions} executions compared in ${tables.join(', ')}`;
  if (signal.aborted) write('Interrupted before the end: what follows is about a part of them');
  write(differing === 0 ? `${what}: all rows are those of their events` : `${what}: ${differing} of them differ`);
  return differing === 0 && !signal.aborted ? 0 : 1;
};
