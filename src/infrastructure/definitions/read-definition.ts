import { z } from 'zod';
import { reasonOf } from '../../application/runtime/errors.js';
import { DUTIES } from '../../domain/access/duties.js';
import type { WorkflowDefinition, StepDefinition } from '../../domain/workflow/events.js';
import { AGENT_NAME } from '../agents/agent-urls.js';

const WEEK_MINUTES = 10_080;
const MINUTES = `Expected minutes above 0, at most ${WEEK_MINUTES} (a week)`;
const DAY_MS = 86_400_000;

const matching = (pattern: RegExp, expected: string) =>
  z.string().regex(pattern, { error: `Expected ${expected} (${String(pattern)})` });

const documentWord = () => matching(/^[A-Za-z][A-Za-z0-9._-]{0,63}$/, 'a letter and up to 63 letters, digits, . _ -');
const state = () =>
  matching(/^[a-z][a-z0-9_-]{0,79}$/, 'a lower-case letter and up to 79 lower-case letters, digits, _ -');
const milliseconds = () => z.number().int().min(1).max(DAY_MS);

const retrySchema = z.strictObject({
  initial_interval_ms: milliseconds().default(1000),
  backoff_coefficient: z.number().min(1).max(100).default(2),
  /** Absent: 100 times the initial interval, at most a day. */
  maximum_interval_ms: milliseconds().optional(),
});

const stepSchema = z.strictObject({
  name: matching(/^[a-z][a-z0-9_-]{0,63}$/, 'a lower-case letter and up to 63 lower-case letters, digits, _ -'),
  agent: matching(AGENT_NAME, 'a letter and up to 63 letters, digits, _ -'),
  required: z.boolean().default(true),
  timeout_minutes: z
    .number({ error: ({ input }) => `${MINUTES}, ${input === undefined ? 'which is required' : 'as a number'}` })
    .positive({ error: MINUTES })
    .max(WEEK_MINUTES, { error: MINUTES }),
  /** For agents that report by task token; absent: only the deadline counts. */
  heartbeat_timeout_seconds: z
    .number()
    .min(1)
    .max(WEEK_MINUTES * 60)
    .optional(),
  retry_on_failure: z.boolean().default(true),
  max_retries: z.number().int().min(0).max(20).default(3),
  retry: retrySchema.prefault({}),
  on_exhausted: z.enum(['fail', 'pause']).default('fail'),
  running_state: state().optional(),
  completed_state: state().optional(),
  weight: z.number().positive().max(1_000_000).default(1),
});

/** The shape of a definition file. */
const definitionSchema = z.strictObject({
  name: documentWord(),
  /** Absent: the name, without `-generation` at its end. */
  document_type: documentWord().optional(),
  /** Both are for people who read the file. */
  version: z.union([z.string().max(64), z.number()]).optional(),
  description: z.string().max(2000).optional(),
  steps: z.array(stepSchema).min(1).max(100),
  /** The duties that who started, retried or executed an execution may have for it themselves. */
  separation_of_duties: z.strictObject({ relax: z.array(z.enum(DUTIES)).max(DUTIES.length) }).optional(),
});

type DefinitionFile = z.infer<typeof definitionSchema>;
type StepFile = z.infer<typeof stepSchema>;

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

/** `current_state` while a step runs, and after it. */
const statesOf = ({ name, running_state, completed_state }: Named): { running: string; completed: string } => {
  const [running, completed] = KNOWN.get(name) ?? [`${name}_running`, `${name}_completed`];
  return { running: running_state ?? running, completed: completed_state ?? completed };
};

/** The words of `current_state` for the execution itself. The last step may end in `completed`. */
const RESERVED_STATES: ReadonlySet<string> = new Set(['created', 'completed', 'failed', 'paused', 'cancelled']);

type Problem = Readonly<{ path: readonly PropertyKey[]; message: string }>;

/** What holds between several values, which a schema cannot express. Takes a file of any shape, so that all problems are listed at once. */
const brokenRules = (file: unknown): readonly Problem[] => {
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
    // A repeated name is one problem, and its states are not two more.
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

/** A step that cannot use up its retries would never pause: the author of the definition learns it at the start. */
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

const SECOND_MS = 1000;
const MINUTE_MS = 60_000;
const LONGEST_INTERVAL_MS = 86_400_000;

/** Turns a valid file into the domain's definition, with every default written out. */
const resolveDefinition = ({
  name,
  document_type,
  steps,
  separation_of_duties: duties,
}: DefinitionFile): WorkflowDefinition => ({
  name,
  documentType: document_type ?? documentTypeOf(name),
  steps: steps.map(resolveStep),
  // Absent where it relaxes nothing: a definition without it keeps its hash, and the order of the names makes no other.
  ...(duties &&
    duties.relax.length > 0 && { separationOfDuties: { relax: DUTIES.filter((duty) => duties.relax.includes(duty)) } }),
});

/** `ib-generation` makes documents of type `ib`. */
const documentTypeOf = (name: string): string => name.replace(/(?<=.)-generation$/, '');

const resolveStep = (step: StepFile): StepDefinition => {
  const { running, completed } = statesOf(step);
  const { heartbeat_timeout_seconds: heartbeat } = step;
  const { initial_interval_ms, backoff_coefficient, maximum_interval_ms } = step.retry;
  return {
    name: step.name,
    agent: step.agent,
    required: step.required,
    timeoutMs: Math.max(1, Math.round(step.timeout_minutes * MINUTE_MS)),
    // Left out where there is none: a definition without it keeps its hash.
    ...(heartbeat !== undefined && { heartbeatTimeoutMs: Math.round(heartbeat * SECOND_MS) }),
    retry: {
      maximumAttempts: step.retry_on_failure ? step.max_retries + 1 : 1,
      initialIntervalMs: initial_interval_ms,
      backoffCoefficient: backoff_coefficient,
      maximumIntervalMs: maximum_interval_ms ?? Math.min(100 * initial_interval_ms, LONGEST_INTERVAL_MS),
    },
    // Absent where it says nothing new, so that a definition that does not use it keeps its hash.
    ...(step.on_exhausted === 'pause' && { onExhausted: 'pause' }),
    runningState: running,
    completedState: completed,
    weight: step.weight,
  };
};

type ReadDefinition = Readonly<{ definition: WorkflowDefinition | null; problems: readonly string[] }>;

/** @param text of one file. @returns all that is wrong with it, each as `steps[2].timeout_minutes: what was expected, what came` */
export const readDefinition = (text: string): ReadDefinition => {
  let file: unknown;
  try {
    file = JSON.parse(text);
  } catch (error) {
    return { definition: null, problems: [`expected JSON: ${reasonOf(error)}`] };
  }
  const { data, error } = definitionSchema.safeParse(file, { reportInput: true });
  const shape = (error?.issues ?? []).map(({ path, message, input }) => ({
    path,
    message: `${message}${shown(input)}`,
  }));
  const problems = [...shape, ...brokenRules(file)].map(line);
  return data && problems.length === 0
    ? { definition: resolveDefinition(data), problems }
    : { definition: null, problems };
};

const line = ({ path, message }: Problem): string => (path.length > 0 ? `${jsonPath(path)}: ${message}` : message);

const jsonPath = (path: readonly PropertyKey[]): string =>
  path
    .map((part) => (typeof part === 'number' ? `[${part}]` : `.${String(part)}`))
    .join('')
    .replace(/^\./, '');

/** What the file holds there, where it is short enough to show. */
const shown = (input: unknown): string =>
  ['string', 'number', 'boolean'].includes(typeof input) ? `, got ${JSON.stringify(input).slice(0, 80)}` : '';
