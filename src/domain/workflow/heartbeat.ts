/** An attempt whose agent goes on without a connection: how its heartbeats are recorded, and when they are missed. */
import type { StepDefinition, WorkflowEvent } from './events.js';
import type { StepError } from './retry-policy.js';
import type { RunningStep } from './state.js';

/** Heartbeats closer to each other than this are recorded only where the percent has grown. */
const RECORDING_INTERVAL_MS = 1_000;

/** Recorded in one attempt at most, besides one for each percent. */
const RECORDED_HEARTBEATS = 1_000;

export const recordingIntervalMs = ({ timeoutMs, heartbeatTimeoutMs = Infinity }: StepDefinition): number =>
  Math.max(Math.min(RECORDING_INTERVAL_MS, heartbeatTimeoutMs / 4), Math.ceil(timeoutMs / RECORDED_HEARTBEATS));

/** Beyond the timeout by one interval, so that a heartbeat that is not recorded needs to move nothing. */
export const dueAfter = (at: Date, definition: StepDefinition): string | null =>
  definition.heartbeatTimeoutMs === undefined
    ? null
    : iso(at.getTime() + definition.heartbeatTimeoutMs + recordingIntervalMs(definition));

export const defer = ({ step, definition }: RunningStep, at: Date): readonly WorkflowEvent[] => {
  if (step.deferred) return [];
  const { name, heartbeatTimeoutMs = null } = definition;
  const attempt = { stepId: step.id, step: name, attempt: step.attempt };
  return [{ type: 'StepDeferred', data: { ...attempt, heartbeatTimeoutMs, heartbeatDueAt: dueAfter(at, definition) } }];
};

type Heartbeat = Readonly<{ percent: number | null; message: string | null }>;

/** An agent may send heartbeats as often as it likes: the number that a stream records is bounded. */
export const progress = (
  { step, definition }: RunningStep,
  heartbeat: Heartbeat,
  at: Date,
): readonly WorkflowEvent[] => {
  const last = step.progress;
  const hasGrown = Math.floor(heartbeat.percent ?? 0) > Math.floor(step.reached);
  const isTime = !last || at.getTime() - Date.parse(last.at) >= recordingIntervalMs(definition);
  if (!hasGrown && !isTime) return [];
  return [
    {
      type: 'StepProgressed',
      data: {
        stepId: step.id,
        step: definition.name,
        attempt: step.attempt,
        percent: heartbeat.percent ?? last?.percent ?? null,
        message: heartbeat.message ?? last?.message ?? null,
        at: at.toISOString(),
        heartbeatDueAt: step.deferred && dueAfter(at, definition),
      },
    },
  ];
};

export const isSilent = ({ deferred }: RunningStep['step'], now: Date): boolean =>
  !!deferred?.heartbeatDueAt && Date.parse(deferred.heartbeatDueAt) <= now.getTime();

/** The deadline, or the heartbeat where it is due before. */
export const nextCheckAt = ({ deadline, deferred }: RunningStep['step']): string => {
  const due = deferred?.heartbeatDueAt;
  return due && Date.parse(due) < Date.parse(deadline) ? due : deadline;
};

export const heartbeatMissed = ({ heartbeatTimeoutMs = 0 }: StepDefinition): StepError => ({
  type: 'transient',
  code: 'HEARTBEAT_TIMEOUT',
  message: `The agent took the task and gave no sign of life for ${heartbeatTimeoutMs / 1000} s`,
});

const iso = (ms: number) => new Date(ms).toISOString();
