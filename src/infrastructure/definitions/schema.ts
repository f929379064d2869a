/** The shape of a definition file. What holds between several values is in rules.ts. */
import { z } from 'zod';
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

export const definitionSchema = z.strictObject({
  name: documentWord(),
  /** Absent: the name, without `-generation` at its end. */
  document_type: documentWord().optional(),
  /** Both are for people who read the file. */
  version: z.union([z.string().max(64), z.number()]).optional(),
  description: z.string().max(2000).optional(),
  steps: z.array(stepSchema).min(1).max(100),
});

export type DefinitionFile = z.infer<typeof definitionSchema>;
export type StepFile = z.infer<typeof stepSchema>;
