/** How far a long work is: one line that is written over on a terminal, a line now and then elsewhere. */

const WIDTH = 30;
const LINE_EVERY_MS = 5_000;

export type Work = Readonly<{ label: string; done: number; total: number; events: number | null }>;
type Output = Readonly<{ isTTY?: boolean; write: (text: string) => unknown }>;

export class ProgressBar {
  private readonly began = performance.now();
  private shownAt = -Infinity;
  private width = 0;

  constructor(private readonly output: Output) {}

  show(work: Work): void {
    const now = performance.now();
    if (!this.output.isTTY && now - this.shownAt < LINE_EVERY_MS) return;
    this.shownAt = now;
    const line = lineOf(work, (now - this.began) / 1_000, Boolean(this.output.isTTY));
    this.output.write(this.output.isTTY ? `\r${line.padEnd(this.width)}` : `${line}\n`);
    this.width = line.length;
  }

  /** What is written after this begins on a line of its own. */
  end(): void {
    if (this.output.isTTY && this.width > 0) this.output.write('\n');
    this.width = 0;
  }
}

/** @param seconds since the work began */
export const lineOf = ({ label, done, total, events }: Work, seconds: number, isDrawn: boolean): string => {
  const part = total > 0 ? Math.min(1, done / total) : 1;
  const filled = Math.round(part * WIDTH);
  const bar = isDrawn ? ` [${'#'.repeat(filled)}${'.'.repeat(WIDTH - filled)}]` : '';
  const rate = events !== null && seconds > 0 ? `, ${Math.round(events / seconds)} events/s` : '';
  const left = part > 0 && part < 1 ? `, ${duration((seconds / part) * (1 - part))} left` : '';
  return `${label}${bar} ${Math.floor(part * 100)} %${rate}${left}`;
};

const duration = (seconds: number): string =>
  seconds < 100 ? `${Math.ceil(seconds)} s` : `${Math.ceil(seconds / 60)} min`;
