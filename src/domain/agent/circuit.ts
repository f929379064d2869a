/**
 * The circuit breaker of one agent, as pure functions. Closed: calls go through and are counted. Open: none is made until
 * the cool-down is over. Half-open: one trial decides. Times are milliseconds since 1970.
 */
export type CircuitPolicy = Readonly<{
  /** So many transient failures in a row open it; 0: never by their number. */
  consecutiveFailures: number;
  /** So many per cent of the window's calls open it, from `minimumCalls` on; 0: never by their share. */
  failurePercent: number;
  minimumCalls: number;
  windowMs: number;
  coolDownMs: number;
}>;

/** `failed`: a transient failure of the agent: timeout, network, 408, 425, 429, 5xx, nonsense. A refusal is an answer. */
export type CallResult = Readonly<{ kind: 'answered' }> | Readonly<{ kind: 'failed'; retryAfterMs: number | null }>;

/** A part of the window: when it began, its calls, and how many of them failed. */
type Slice = Readonly<{ from: number; calls: number; failures: number }>;

export type Circuit = Readonly<{
  state: 'closed' | 'open' | 'half_open';
  /** When the circuit came into this state; null where it never left its first. */
  since: number | null;
  /** Failures in a row. */
  consecutive: number;
  /** Oldest first, at most SLICES. */
  window: readonly Slice[];
  /** Open: when a trial may be made. */
  trialAt: number;
}>;

const SLICES = 10;

export const newCircuit: Circuit = { state: 'closed', since: null, consecutive: 0, window: [], trialAt: 0 };

/** Whether a call may be made now; beside a trial that is under way none may. */
export const lets = ({ state, since, trialAt }: Circuit, now: number): boolean =>
  // A clock that was set back must not keep the circuit open for longer than its cool-down.
  state === 'closed' || (state === 'open' && (now >= trialAt || now < (since ?? now)));

/** Before a call that `lets` allows. @returns whether this call is the trial */
export const beginCall = (circuit: Circuit, now: number): Readonly<{ circuit: Circuit; isTrial: boolean }> =>
  circuit.state === 'open'
    ? { circuit: { ...circuit, state: 'half_open', since: now }, isTrial: true }
    : { circuit, isTrial: false };

/** The trial was not made, or ended without a result: another may be made at once. */
export const abandonTrial = (circuit: Circuit, now: number): Circuit =>
  circuit.state === 'half_open' ? { ...circuit, state: 'open', since: now, trialAt: now } : circuit;

export const endCall = (
  circuit: Circuit,
  policy: CircuitPolicy,
  result: CallResult,
  isTrial: boolean,
  now: number,
): Circuit => {
  if (isTrial && circuit.state === 'half_open')
    return result.kind === 'failed'
      ? opened(counted(circuit, policy, true, now), policy, result.retryAfterMs, now)
      : { ...newCircuit, since: now };
  if (circuit.state === 'closed') {
    const next = counted(circuit, policy, result.kind === 'failed', now);
    return result.kind === 'failed' && isTooMuch(next, policy) ? opened(next, policy, result.retryAfterMs, now) : next;
  }
  // A call from before the circuit opened adds nothing but the time for which the agent asks not to be called.
  const askedFor = result.kind === 'failed' ? now + (result.retryAfterMs ?? 0) : 0;
  return circuit.state === 'open' && askedFor > circuit.trialAt ? { ...circuit, trialAt: askedFor } : circuit;
};

/** Within the window. */
export const recentFailures = ({ window }: Circuit, { windowMs }: CircuitPolicy, now: number): number =>
  sum(current(window, windowMs, now).map(({ failures }) => failures));

const opened = (
  circuit: Circuit,
  { coolDownMs }: CircuitPolicy,
  retryAfterMs: number | null,
  now: number,
): Circuit => ({
  ...circuit,
  state: 'open',
  since: now,
  trialAt: now + Math.max(coolDownMs, retryAfterMs ?? 0),
});

const isTooMuch = ({ consecutive, window }: Circuit, policy: CircuitPolicy): boolean => {
  if (policy.consecutiveFailures > 0 && consecutive >= policy.consecutiveFailures) return true;
  const calls = sum(window.map((slice) => slice.calls));
  const failures = sum(window.map((slice) => slice.failures));
  return policy.failurePercent > 0 && calls >= policy.minimumCalls && 100 * failures >= policy.failurePercent * calls;
};

const counted = (circuit: Circuit, { windowMs }: CircuitPolicy, isFailure: boolean, now: number): Circuit => {
  const window = current(circuit.window, windowMs, now);
  const last = window.at(-1);
  const add = isFailure ? 1 : 0;
  const isOld = last === undefined || now - last.from >= windowMs / SLICES;
  const grown = isOld
    ? [...window, { from: now, calls: 1, failures: add }]
    : [...window.slice(0, -1), { ...last, calls: last.calls + 1, failures: last.failures + add }];
  return { ...circuit, consecutive: isFailure ? circuit.consecutive + 1 : 0, window: grown.slice(-SLICES) };
};

const current = (window: readonly Slice[], windowMs: number, now: number): readonly Slice[] =>
  window.filter(({ from }) => from <= now && now - from < windowMs);

const sum = (numbers: readonly number[]): number => numbers.reduce((total, each) => total + each, 0);
