/** The result of a batch of schedules, and whether the batch shows anything. */
type Failure = Readonly<{ seed: number; isPlain: boolean; violations: readonly string[] }>;

export type Tally = {
  schedules: number;
  counts: Record<string, number>;
  failures: Failure[];
  slowestRecoveryMs: number;
  slowestSeed: number;
};

export const emptyTally = (): Tally => ({
  schedules: 0,
  counts: {},
  failures: [],
  slowestRecoveryMs: 0,
  slowestSeed: 0,
});

export const add = (total: Tally, more: Tally): void => {
  total.schedules += more.schedules;
  total.failures.push(...more.failures);
  if (more.slowestRecoveryMs > total.slowestRecoveryMs) {
    total.slowestRecoveryMs = more.slowestRecoveryMs;
    total.slowestSeed = more.slowestSeed;
  }
  for (const [what, count] of Object.entries(more.counts)) total.counts[what] = (total.counts[what] ?? 0) + count;
};

const EVENTS = [
  ...['WorkflowStarted', 'WorkflowPaused', 'WorkflowResumed', 'WorkflowCancelled', 'WorkflowCompleted'],
  ...['WorkflowFailed', 'NextStepRequested', 'RemainingStepsRequested', 'StepStarted', 'StepCompleted'],
  ...['StepFailed', 'StepSkipped', 'StepInterrupted', 'StepRetryRequested', 'StepDeferred', 'StepProgressed'],
  ...['AgentHeld', 'AgentReleased'],
];
const FAULTS = [
  'kill',
  'stop',
  'doom',
  'freeze',
  'freeze of over 20 min',
  'skew',
  'skew from the start',
  'slow answers',
  'log away',
  'log away for over 5 min',
  'database away',
  'database away for over 5 min',
  'poison',
  'appends denied',
  'reads denied',
];
const AGENTS = [
  ...['ok', 'large', 'hang', 'hang after the effect', 'reply lost', 'transient', 'rate limited', 'garbage'],
  ...['validation', 'fatal', 'deferred'],
];
const COMMANDS = [
  ...['PauseWorkflow', 'ResumeWorkflow', 'CancelWorkflow', 'RetryStep', 'ExecuteNextStep', 'ExecuteRemaining'],
  ...['acknowledged', 'rejected', 'sent twice'],
];
const TASKS = [
  ...['completes', 'fails', 'falls silent', 'reports twice', 'heartbeat: go on', 'heartbeat: over'],
  ...['complete: recorded', 'complete: over', 'fail: recorded', 'fail: over', 'token refused'],
];
const OTHERS = [
  ...['append lost', 'append unanswered', 'append late', 'redelivery', 'subscription cut', 'artifact'],
  ...['start sent twice', 'key refused', 'HoldAgent acknowledged', 'ReleaseAgent acknowledged', 'circuit seen open'],
  ...['step failed in silence', 'paused by itself'],
  ...['appendRefused', 'appendTimedOut', 'appendTwice', 'appendOfLostTail', 'readRefused'].map((it) => `network ${it}`),
];

const EXPECTED = [
  ...EVENTS.map((each) => `event ${each}`),
  ...FAULTS.map((each) => `fault ${each}`),
  ...AGENTS.map((each) => `agent ${each}`),
  ...COMMANDS.map((each) => `command ${each}`),
  ...TASKS.map((each) => `task ${each}`),
  ...OTHERS,
];

/** A batch of fewer schedules than this may miss some kinds of events. */
const ENOUGH = 1_000;
const ACCEPTED_SHARE = 0.9;

/** A batch in which a fault never occurred, or few starts were accepted, shows nothing. @returns what it lacks, in words */
export const vacuous = ({ schedules, counts }: Tally): readonly string[] => {
  if (schedules < ENOUGH) return [];
  const missing = EXPECTED.filter((what) => !counts[what]).map((what) => `never seen: ${what}`);
  const [sent = 0, accepted = 0] = [counts['start sent'], counts['event WorkflowStarted']];
  return accepted < ACCEPTED_SHARE * sent ? [...missing, `only ${accepted} of ${sent} starts were accepted`] : missing;
};
