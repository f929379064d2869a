/** The guide's words for the six steps it names. */
const KNOWN: ReadonlyMap<string, readonly [running: string, completed: string]> = new Map([
  ['enrich', ['enriching', 'enriched']],
  ['compose', ['composing', 'composed']],
  ['write', ['writing', 'written']],
  ['validate', ['validating', 'validated']],
  ['assemble', ['assembling', 'assembled']],
  ['export', ['exporting', 'completed']],
]);

type Named = Readonly<{ name: string; running_state?: string; completed_state?: string }>;

/** What `current_state` says while a step runs, and after it. */
export const statesOf = ({ name, running_state, completed_state }: Named): { running: string; completed: string } => {
  const [running, completed] = KNOWN.get(name) ?? [`${name}_running`, `${name}_completed`];
  return { running: running_state ?? running, completed: completed_state ?? completed };
};

/** What `current_state` says of the execution itself. The last step may end in `completed`. */
const RESERVED_STATES: ReadonlySet<string> = new Set(['created', 'completed', 'failed', 'paused', 'cancelled']);

export type Problem = Readonly<{ path: readonly PropertyKey[]; message: string }>;

/** What a schema cannot say. Takes a file of any shape, so that these problems and those of the schema are told at once. */
export const brokenRules = (file: unknown): readonly Problem[] => {
  const { steps } = (isObject(file) ? file : {}) as { steps?: unknown };
  if (!Array.isArray(steps)) return [];
  return [
    ...repeatedNames(steps),
    ...stateProblems(steps),
    ...intervalProblems(steps),
    ...heartbeatProblems(steps),
    ...steps.flatMap(exhaustedProblem),
  ];
};

/** The first step that has this one's name: itself, where names are unique. */
const firstOfName = (steps: readonly unknown[], name: string): number =>
  steps.findIndex((step) => textAt(step, 'name') === name);

const repeatedNames = (steps: readonly unknown[]): Problem[] =>
  steps.flatMap((step, index) => {
    const name = textAt(step, 'name');
    const first = name === undefined ? index : firstOfName(steps, name);
    if (first === index) return [];
    return [
      { path: ['steps', index, 'name'], message: `Expected a name of its own, got "${name}" as in steps[${first}]` },
    ];
  });

const stateProblems = (steps: readonly unknown[]): Problem[] => {
  const seen = new Map<string, string>();
  return steps.flatMap((step, index) => {
    const name = textAt(step, 'name');
    // A repeated name is told as such, and not by the states that follow from it.
    if (name === undefined || firstOfName(steps, name) !== index) return [];
    const { running, completed } = statesOf({
      name,
      running_state: textAt(step, 'running_state'),
      completed_state: textAt(step, 'completed_state'),
    });
    const isLast = index === steps.length - 1;
    return [
      ...stateProblem(seen, index, 'running_state', running, false),
      ...stateProblem(seen, index, 'completed_state', completed, isLast),
    ];
  });
};

const stateProblem = (
  seen: Map<string, string>,
  index: number,
  key: 'running_state' | 'completed_state',
  state: string,
  mayComplete: boolean,
): Problem[] => {
  const path = ['steps', index, key];
  if (RESERVED_STATES.has(state) && !(mayComplete && state === 'completed')) {
    const exception = state === 'completed' ? '; only the completed_state of the last step may be "completed"' : '';
    return [{ path, message: `Expected a word that is not reserved, got "${state}"${exception}` }];
  }
  const first = seen.get(state);
  if (first !== undefined)
    return [{ path, message: `Expected a state of its own, got "${state}", which is the ${first}` }];
  seen.set(state, `${key} of steps[${index}]`);
  return [];
};

const intervalProblems = (steps: readonly unknown[]): Problem[] =>
  steps.flatMap((step, index) => {
    const retry = isObject(step) && isObject(step['retry']) ? step['retry'] : {};
    const { initial_interval_ms: initial = 1000, maximum_interval_ms: maximum } = retry;
    if (typeof initial !== 'number' || typeof maximum !== 'number' || maximum >= initial) return [];
    const path = ['steps', index, 'retry', 'maximum_interval_ms'];
    return [{ path, message: `Expected at least initial_interval_ms (${initial}), got ${maximum}` }];
  });

/** A step that cannot use up its retries would never pause: said at once, rather than ignored in silence. */
const exhaustedProblem = (step: unknown, index: number): Problem[] => {
  if (!isObject(step) || step['on_exhausted'] !== 'pause') return [];
  const because =
    step['required'] === false
      ? 'required: false: it is skipped when its retries are exhausted'
      : step['retry_on_failure'] === false || step['max_retries'] === 0
        ? 'no retries: it fails at once'
        : undefined;
  if (because === undefined) return [];
  const message = `Expected "pause" only for a required step with retries, got it with ${because}`;
  return [{ path: ['steps', index, 'on_exhausted'], message }];
};

const heartbeatProblems = (steps: readonly unknown[]): Problem[] =>
  steps.flatMap((step, index) => {
    const { heartbeat_timeout_seconds: heartbeat, timeout_minutes: timeout } = isObject(step) ? step : {};
    if (typeof heartbeat !== 'number' || typeof timeout !== 'number' || heartbeat <= timeout * 60) return [];
    const path = ['steps', index, 'heartbeat_timeout_seconds'];
    return [{ path, message: `Expected at most timeout_minutes (${timeout * 60} s), got ${heartbeat}` }];
  });

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const textAt = (step: unknown, key: string): string | undefined => {
  const value = isObject(step) ? step[key] : undefined;
  return typeof value === 'string' ? value : undefined;
};
