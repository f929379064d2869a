/** Executions, events and other answers of the API as lines for people. */
import { painter, plain, type Colour } from '../terminal.js';

export type ShownExecution = Readonly<{
  id: string;
  project_id: string;
  document_type: string;
  current_state: string;
  percent_complete: number;
  created_at?: string;
  error_message?: string | null;
  revision?: string;
}>;

export type ShownStep = Readonly<{
  id: string;
  step_name: string;
  status: string;
  attempt: number;
  duration_ms: number | null;
  error_type?: string | null;
  error_message?: string | null;
}>;

export type EventOfHistory = Readonly<{
  revision: string;
  event_type: string;
  recorded_at: string;
  actor: Readonly<{ id: string }> | null;
  reason?: string | null;
  data: unknown;
}>;

const paint = painter(process.stdout, process.env);

const COLOURS: Readonly<Record<string, Colour>> = {
  ...({ completed: 'green', failed: 'red', cancelled: 'red', paused: 'yellow', waiting: 'yellow' } as const),
  ...({ skipped: 'dim', pending: 'dim', created: 'dim', valid: 'green' } as const),
};

/** Padded before it is painted: a terminal counts the codes of colours as nothing. */
export const stateText = (state: string, width = 0): string => {
  const text = plain(state).padEnd(width);
  const colour = COLOURS[state];
  return colour ? paint(colour, text) : text;
};

const STATE = 12;

export const executionLine = (execution: ShownExecution): string => {
  const { id, current_state, percent_complete, project_id, document_type, created_at = '', error_message } = execution;
  const percent = `${String(percent_complete).padStart(3)} %`;
  const error = error_message ? `  ${plain(error_message)}` : '';
  return `${id}  ${stateText(current_state, STATE)} ${percent}  ${created_at}  ${plain(document_type)}  ${plain(project_id)}${error}`;
};

export const stepLine = ({ id, step_name, status, attempt, duration_ms, error_type, error_message }: ShownStep) => {
  const time = duration_ms === null ? '' : `  ${(duration_ms / 1_000).toFixed(2)} s`;
  const error = error_type ? `  ${error_type}: ${plain(error_message ?? '')}` : '';
  return `  ${id}  ${stateText(status, STATE)} ${plain(step_name)}  attempt ${attempt}${time}${error}`;
};

const LONGEST = 160;

export const eventLine = ({ revision, event_type, recorded_at, actor, reason, data }: EventOfHistory): string => {
  const text = JSON.stringify(data) ?? '';
  const shown = text.length > LONGEST ? `${text.slice(0, LONGEST)}…` : text;
  const why = reason ? `  "${plain(reason)}"` : '';
  return `${revision.padStart(5)}  ${recorded_at}  ${event_type.padEnd(20)} ${plain(actor?.id ?? '')}${why}  ${plain(shown)}`;
};
