/** Lines of progress, at most one every REPORT_MS, and one when the act changes. Each act has a rate and a time left of its own. */
import type { Step } from './copy.js';

const REPORT_MS = 1_000;

export function progressLines(print: (line: string) => void, now: () => number = Date.now): (step: Step) => void {
  let act: Step['act'] | undefined;
  let [begun, printed] = [0, 0];
  let from = 0n;
  return (step) => {
    const time = now();
    if (step.act !== act) [act, begun, from, printed] = [step.act, time, step.place, 0];
    else if (time - printed < REPORT_MS) return;
    printed = time;
    print(line(step, from, time - begun));
  };
}

/** @param from where the act began: a copy that goes on has not written what lies before */
function line({ act, events, place, end }: Step, from: bigint, elapsedMs: number): string {
  const share = end > 0n ? Number((place * 1_000n) / end) / 10 : 100;
  const left = elapsedMs > 0 && place > from ? (Number(end - place) / Number(place - from)) * elapsedMs : undefined;
  const rate = elapsedMs > 0 ? `, ${Math.round((events * 1_000) / elapsedMs)} events/s` : '';
  const of = act === 'metadata' || act === 'tombstones' ? 'streams' : 'the log';
  const ahead = left === undefined ? '' : `, ${Math.ceil(left / 1_000)} s left`;
  return `${act}: ${events} events${rate}, ${share.toFixed(1)} % of ${of}${ahead}`;
}
