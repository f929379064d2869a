import { linesOf, span } from '../../../../src/interfaces/cli/watch/lines.js';
import {
  KEPT_EVENTS,
  next,
  type Message,
  type Picture,
  type Step,
} from '../../../../src/interfaces/cli/watch/picture.js';

const NOW = new Date('2026-01-01T12:00:00.000Z');
const at = (seconds: number) => new Date(NOW.getTime() + seconds * 1_000).toISOString();

const step = (name: string, more: Partial<Step> = {}): Step => ({
  id: `id-${name}`,
  step_name: name,
  status: 'pending',
  attempt: 0,
  started_at: null,
  duration_ms: null,
  deadline_at: null,
  retry_at: null,
  error_type: null,
  error_message: null,
  progress_percent: null,
  progress_message: null,
  ...more,
});

const picture = (steps: readonly Step[], more: Partial<Picture> = {}): Picture => ({
  execution: { id: 'e-1', workflow_name: 'ib', project_id: 'p-1', current_state: 'writing', percent_complete: 40 },
  steps,
  events: [],
  ended: null,
  ...more,
});

const snapshot = (steps: readonly Step[]): Message => ({
  event: 'snapshot',
  data: { execution: picture([]).execution, steps },
});
const event = (type: string, data: object, steps: readonly object[] = [], execution: object = {}): Message =>
  ({
    event: 'event',
    data: {
      event: { event_type: type, recorded_at: at(0), data },
      execution: { current_state: null, percent_complete: null, ...execution },
      steps,
    },
  }) as unknown as Message;

test('a line for each step: what it does, for how long, and what it waits for', () => {
  const steps = [
    step('compose', { status: 'completed', attempt: 1, duration_ms: 2_000 }),
    step('write', {
      status: 'running',
      attempt: 2,
      started_at: at(-12),
      deadline_at: at(600),
      progress_percent: 50,
      progress_message: 'section 3 of 6',
    }),
    step('check', {
      status: 'waiting',
      attempt: 1,
      duration_ms: 100,
      retry_at: at(4),
      error_type: 'transient',
      error_message: 'too busy',
    }),
    step('export'),
  ];
  expect(linesOf(picture(steps), NOW, 120, null)).toEqual([
    'ib  e-1  project p-1',
    '[############..................]  40 %  writing',
    '',
    '  ✔ compose  completed  attempt 1      2.0 s',
    '  … write    running    attempt 2       12 s  [######......] 50 %  section 3 of 6  deadline in 10 min 0 s',
    '  ↻ check    waiting    attempt 1      0.1 s  next attempt in 4.0 s  transient: too busy',
    '    export   pending',
    '',
  ]);
});

test('no line is longer than the terminal is wide, and nothing in it is obeyed by a terminal', () => {
  const evil = step('write', {
    status: 'running',
    progress_percent: 1,
    progress_message: `\x1b[2J\r\n${'x'.repeat(200)}`,
  });
  const lines = linesOf(picture([evil]), NOW, 60, 'The connection was closed');
  expect(Math.max(...lines.map((line) => [...line].length))).toBe(60);
  expect(lines.join('')).not.toMatch(/\p{Cc}/u);
  expect(lines.at(-1)).toBe('The connection was closed');
});

test('what is due is due, whatever the clocks say', () => {
  expect([span(-5), span(999), span(61_000), span(185_000)]).toEqual(['0.0 s', '1.0 s', '61 s', '3 min 5 s']);
});

test('each message changes the picture as it says', () => {
  const messages = [
    snapshot([step('write'), step('check', { status: 'completed' })]),
    event(
      'StepStarted',
      { step: 'write', attempt: 1 },
      [{ match: { id: 'id-write' }, set: { status: 'running', attempt: 1 } }],
      {
        current_state: 'writing',
        percent_complete: 50,
      },
    ),
    event('WorkflowPraised', {}),
  ];
  const shown = messages.reduce<Picture | null>(next, null)!;
  expect(shown.steps.map(({ status, attempt }) => [status, attempt])).toEqual([
    ['running', 1],
    ['completed', 0],
  ]);
  expect(shown.execution).toMatchObject({ current_state: 'writing', percent_complete: 50 });
  expect(shown.events.map(({ event_type }) => event_type)).toEqual(['StepStarted', 'WorkflowPraised']);
  const where = { column: 'status', among: ['running'] };
  const cancelled = next(shown, event('WorkflowCancelled', {}, [{ match: {}, where, set: { status: 'cancelled' } }]))!;
  expect(cancelled.steps.map(({ status }) => status)).toEqual(['cancelled', 'completed']);
  expect(next(cancelled, { event: 'end', data: { reason: 'cancelled' } })!.ended).toBe('cancelled');
});

test('nothing is shown before a snapshot, and the latest events only', () => {
  expect(next(null, event('StepStarted', {}))).toBeNull();
  const many = Array.from({ length: 9 }, (_, index) => event(`Event${index}`, {}));
  const shown = [snapshot([]), ...many].reduce<Picture | null>(next, null)!;
  expect(shown.events).toHaveLength(KEPT_EVENTS);
  expect(shown.events.at(-1)!.event_type).toBe('Event8');
});
