import { reasonOf } from '../../application/runtime/errors.js';
import type { WorkflowDefinition, StepDefinition } from '../../domain/workflow/definition.js';
import { brokenRules, type Problem, statesOf } from './rules.js';
import { definitionSchema, type DefinitionFile, type StepFile } from './schema.js';

const SECOND_MS = 1000;
const MINUTE_MS = 60_000;
const LONGEST_INTERVAL_MS = 86_400_000;

/** Turns a valid file into the domain's definition, with every default written out. */
const resolveDefinition = ({ name, document_type, steps }: DefinitionFile): WorkflowDefinition => ({
  name,
  documentType: document_type ?? documentTypeOf(name),
  steps: steps.map(resolveStep),
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

export type ReadDefinition = Readonly<{ definition: WorkflowDefinition | null; problems: readonly string[] }>;

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

/** What came, where it is short enough to be said. */
const shown = (input: unknown): string =>
  ['string', 'number', 'boolean'].includes(typeof input) ? `, got ${JSON.stringify(input).slice(0, 80)}` : '';
