/** A picture as lines for a terminal. Pure. */
import type { Picture, ShownEvent, Step } from './picture.js';

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

export const eventLine = ({ event_type, recorded_at, data }: ShownEvent): string => {
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

/** What comes from agents may hold what a terminal obeys. */
const plain = (text: string): string => text.replace(/\p{C}/gu, '\u{FFFD}');

const cut = (line: string, width: number): string => {
  const characters = [...line];
  return characters.length > width ? `${characters.slice(0, Math.max(0, width - 1)).join('')}…` : line;
};
