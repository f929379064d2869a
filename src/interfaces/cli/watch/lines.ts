/** A picture as lines for a terminal. Pure. */
import { plain } from '../terminal.js';
import type { Picture, ShownEvent, Step, Message } from './picture.js';

const BAR = 30;
const STEP_BAR = 12;

const MARKS: Readonly<Record<string, string>> = {
  completed: '✔',
  running: '…',
  waiting: '↻',
  failed: '✘',
  skipped: '–',
  cancelled: '■',
};

/** @param width columns; no line is longer. @param trouble of the connection; null where there is none */
export const linesOf = (picture: Picture, now: Date, width: number, trouble: string | null): readonly string[] => {
  const { execution, steps, events } = picture;
  const { workflow_name, id, project_id, current_state, percent_complete } = execution;
  const names = Math.max(...steps.map(({ step_name }) => step_name.length), 0);
  const lines = [
    `${workflow_name}  ${id}  project ${project_id}`,
    `[${bar(percent_complete, BAR)}] ${String(percent_complete).padStart(3)} %  ${current_state}`,
    '',
    ...steps.map((step) => stepLine(step, names, now)),
    '',
    ...events.map(eventLine),
    ...(trouble === null ? [] : [trouble]),
  ];
  return lines.map((line) => cut(plain(line), width));
};

const eventLine = ({ event_type, recorded_at, data }: ShownEvent): string => {
  const { step, attempt, error, percent, message } = (data ?? {}) as Readonly<Record<string, unknown>>;
  const what = [
    typeof step === 'string' ? step : null,
    typeof attempt === 'number' ? `attempt ${attempt}` : null,
    typeof percent === 'number' ? `${percent} %` : null,
    typeof message === 'string' ? message : null,
    errorText(error),
  ].filter((part) => part !== null);
  return plain(`${recorded_at.slice(11, 19)}  ${event_type.padEnd(18)} ${what.join(', ')}`.trimEnd());
};

const errorText = (error: unknown): string | null => {
  const { type, message } = (error ?? {}) as Readonly<Record<string, unknown>>;
  return typeof type === 'string' ? `${type}: ${typeof message === 'string' ? message : ''}` : null;
};

const stepLine = (step: Step, names: number, now: Date): string => {
  const attempts = step.attempt > 0 ? `attempt ${step.attempt}` : '';
  const parts = [
    `  ${MARKS[step.status] ?? ' '} ${step.step_name.padEnd(names)}`,
    step.status.padEnd(9),
    attempts.padEnd(10),
    duration(step, now).padStart(8),
    ...rest(step, now),
  ];
  return parts.join('  ').trimEnd();
};

/** How far it is, what it waits for, what went wrong. */
const rest = (step: Step, now: Date): readonly string[] => {
  const { status, progress_percent, progress_message, retry_at, deadline_at, error_type, error_message } = step;
  const isFailed = status === 'failed' || status === 'waiting' || status === 'skipped';
  return [
    status === 'running' && progress_percent !== null
      ? `[${bar(progress_percent, STEP_BAR)}] ${progress_percent} %`
      : null,
    status === 'running' ? progress_message : null,
    status === 'waiting' && retry_at ? `next attempt in ${until(retry_at, now)}` : null,
    status === 'running' && deadline_at ? `deadline in ${until(deadline_at, now)}` : null,
    isFailed && error_type ? `${error_type}: ${error_message ?? ''}` : null,
  ].filter((part) => part !== null);
};

const duration = ({ status, duration_ms, started_at }: Step, now: Date): string => {
  if (status === 'running' && started_at) return span(now.getTime() - Date.parse(started_at));
  return duration_ms === null ? '' : span(duration_ms);
};

const until = (at: string, now: Date): string => span(Date.parse(at) - now.getTime());

const SECOND = 1_000;
const MINUTE = 60 * SECOND;

/** Clocks differ: what is due is due now. */
export const span = (ms: number): string => {
  const left = Math.max(0, ms);
  if (left < 10 * SECOND) return `${(left / SECOND).toFixed(1)} s`;
  if (left < 2 * MINUTE) return `${Math.round(left / SECOND)} s`;
  return `${Math.floor(left / MINUTE)} min ${Math.floor((left % MINUTE) / SECOND)} s`;
};

const bar = (percent: number, width: number): string => {
  const filled = Math.round((Math.min(100, Math.max(0, percent)) / 100) * width);
  return '#'.repeat(filled) + '.'.repeat(width - filled);
};

const cut = (line: string, width: number): string => {
  const characters = [...line];
  return characters.length > width ? `${characters.slice(0, Math.max(0, width - 1)).join('')}…` : line;
};

type Output = Readonly<{
  isTTY?: boolean;
  columns?: number;
  rows?: number;
  write: (text: string) => unknown;
}>;

const HIDE_CURSOR = '\x1b[?25l';
const SHOW_CURSOR = '\x1b[?25h';
/** Some characters take two columns, and no count of ours knows which: what is too wide ends at the edge. */
const [NO_WRAP, WRAP] = ['\x1b[?7l', '\x1b[?7h'];

/** On a terminal the picture is drawn over the one before; elsewhere each event is a line. */
export class Screen {
  private drawn = 0;
  private trouble: string | null = null;
  private headed = false;

  constructor(
    private readonly output: Output,
    private readonly now: () => Date,
  ) {}

  /** After a message, which only the plain lines need. */
  show(picture: Picture, message: Message): void {
    if (this.output.isTTY) return this.draw(picture);
    const { execution } = picture;
    if (message.event === 'snapshot' && !this.headed) {
      this.headed = true;
      for (const line of linesOf(picture, this.now(), Infinity, null)) if (line !== '') this.line(line);
    } else if (message.event === 'snapshot') this.line(`${execution.current_state}, ${execution.percent_complete} %`);
    if (message.event !== 'event') return;
    const percent = `${String(execution.percent_complete).padStart(3)} %`;
    this.line(`${percent}  ${execution.current_state.padEnd(12)}  ${eventLine(message.data.event)}`);
  }

  draw(picture: Picture): void {
    const { output } = this;
    if (!output.isTTY) return;
    const lines = linesOf(picture, this.now(), output.columns ?? 80, this.trouble);
    // Lines that have left the screen upwards cannot be drawn over.
    const seen = lines.slice(0, Math.max(1, (output.rows ?? 24) - 1));
    const up = this.drawn > 0 ? `\x1b[${this.drawn}A` : HIDE_CURSOR;
    output.write(`${up}\r\x1b[J${NO_WRAP}${seen.join('\n')}\n${WRAP}`);
    this.drawn = seen.length;
  }

  connection(trouble: string | null, picture: Picture | null): void {
    const was = this.trouble;
    this.trouble = trouble;
    if (this.output.isTTY && picture) return this.draw(picture);
    if (trouble !== null) this.line(trouble);
    else if (was !== null) this.line('Connected again');
  }

  /** What is written after this begins on a line of its own, with a cursor. */
  end(): void {
    if (this.output.isTTY && this.drawn > 0) this.output.write(SHOW_CURSOR);
  }

  line(text: string): void {
    this.output.write(`${text}\n`);
  }
}
