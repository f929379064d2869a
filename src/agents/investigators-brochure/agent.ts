/** The door of every document agent: what comes in is checked, and what cannot be worked with is refused in words. */
import { createRequire } from 'node:module';
import { z } from 'zod';
import type { AgentInput, AgentResultJson } from '../../application/agents/agents.js';
import type { ErrorType } from '../../domain/workflow/retry-policy.js';

/** Why an agent cannot do its step. It becomes the agent's unsuccessful result; anything else that is thrown is a defect. */
export class Refusal extends Error {
  constructor(
    readonly type: ErrorType,
    readonly code: string,
    message: string,
  ) {
    super(message);
  }
}

/** More than these are counted, not listed: a message is stored with the event and is cut at 4000 characters. */
const LISTED_PROBLEMS = 20;

/** Numbered, so that what has to be mended can be ticked off. */
export const listed = (problems: readonly string[]): string => {
  const lines = problems.slice(0, LISTED_PROBLEMS).map((problem, index) => `(${index + 1}) ${problem}`);
  const more = problems.length - lines.length;
  return `${lines.join('; ')}${more > 0 ? `; and ${more} more` : ''}`;
};

/** `facts[3].values[0].unit: expected string, received number`, one for each rule that is broken. */
export const issues = ({ issues: found }: z.ZodError): string =>
  listed(found.map(({ path, message }) => `${pathOf(path) || 'it'}: ${message}`));

const pathOf = (path: readonly PropertyKey[]): string =>
  path
    .map((part) => (typeof part === 'number' ? `[${part}]` : `.${String(part)}`))
    .join('')
    .replace(/^\./, '');

/** Of the document agents: they are released with the application. */
const { version: VERSION } = createRequire(import.meta.url)('../../../package.json') as { version: string };

export type DocumentContext = Readonly<{
  /** Holds `<project_id>.json` files. */
  projectsDir: string;
  /** Folders of projects, by id, whose file is in another one. */
  otherDirs?: ReadonlyMap<string, string>;
  /** Asked once, when facts are collected. */
  now: () => Date;
}>;

export type DocumentAgent = (input: AgentInput, context: DocumentContext) => Promise<AgentResultJson>;

const inputSchema = z.object({
  execution_id: z.string().min(1),
  project_id: z.string().regex(/^[A-Za-z0-9._:@-]{1,128}$/, 'expected 1 to 128 of A-Z a-z 0-9 . _ : @ -'),
  document_type: z.string().min(1),
  step: z.string().min(1),
  attempt: z.number().int().min(1),
  metadata: z.record(z.string(), z.unknown()),
  checkpoint: z.object({
    last_completed_step: z.string().nullable(),
    intermediate_results: z.record(z.string(), z.unknown()),
  }),
});

type CheckedInput = z.infer<typeof inputSchema>;
type Results = Record<string, z.ZodType>;
type Earlier<R extends Results> = { [K in keyof R]: z.infer<R[K]> };
export type Success = Extract<AgentResultJson, { success: true }>;

/**
 * @param needs what earlier steps must have left, by key of the checkpoint's intermediate results
 * @param work gets the checked input and those results; its `metadata` is given the version of the agents
 */
export const documentAgent =
  <R extends Results>(
    needs: R,
    work: (earlier: Earlier<R>, input: CheckedInput, context: DocumentContext) => Success | Promise<Success>,
  ): DocumentAgent =>
  async (received, context) => {
    try {
      const { data: input, error } = inputSchema.safeParse(received);
      if (error)
        throw new Refusal('validation', 'INVALID_INPUT', `The agent's input is not as expected: ${issues(error)}`);
      const earlier = readEarlier(needs, input.checkpoint.intermediate_results, input.step);
      const result = await work(earlier, input, context);
      return { ...result, metadata: { version: VERSION, ...result.metadata } };
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      return { success: false, error: { type: error.type, code: error.code, message: error.message } };
    }
  };

/** The steps whose `data` holds a key, for messages. */
const LEFT_BY: Readonly<Record<string, string>> = {
  project: 'enrich',
  facts: 'enrich',
  facts_sha256: 'enrich',
  outline: 'compose',
  sections: 'write',
  validation_report: 'validate',
  document: 'assemble',
};

const readEarlier = <R extends Results>(needs: R, results: Record<string, unknown>, step: string): Earlier<R> => {
  const keys = Object.keys(needs);
  const missing = keys.filter((key) => !Object.hasOwn(results, key));
  if (missing.length > 0)
    throw new Refusal(
      'validation',
      'STEP_RESULT_MISSING',
      `Step "${step}" needs what earlier steps leave in checkpoint.intermediate_results, and this is missing: ${missing
        .map((key) => `"${key}" (of step "${LEFT_BY[key]}")`)
        .join(', ')}. Run those steps first.`,
    );
  return Object.fromEntries(keys.map((key) => [key, readResult(key, needs[key]!, results[key])])) as Earlier<R>;
};

const readResult = (key: string, schema: z.ZodType, value: unknown): unknown => {
  const { data, error } = schema.safeParse(value);
  if (error)
    throw new Refusal(
      'validation',
      'STEP_RESULT_INVALID',
      `"${key}" (of step "${LEFT_BY[key]}") is not as expected: ${issues(error)}`,
    );
  return data;
};
