import type { ErrorType } from '../../domain/workflow/retry-policy.js';
import { AGENT_NAME } from './agent-urls.js';

/** What an agent returns: a function, or an HTTP endpoint as JSON. */
export type AgentResult =
  | Readonly<{
      success: true;
      /** Kept as JSON and laid over the output of earlier steps. What is no object gets the step's name for its key. */
      data?: unknown;
      metadata?: Readonly<Record<string, unknown>> | null;
      /** Files. Names are unique in an answer, of `[A-Za-z0-9._-]`; `content_base64` is padded. */
      artifacts?: readonly Readonly<{ name: string; content_type: string; content_base64: string }>[] | null;
    }>
  | Readonly<{
      success: false;
      /** `code` is for machines: upper case words joined by `_`. Only `transient` errors are retried. */
      error: Readonly<{ type: ErrorType; message: string; code: string }>;
      /** Seconds, or an HTTP-date. */
      retry_after?: number | string | null;
    }>;

/** What a registered function gets beside its input. */
export type AgentContext = Readonly<{
  /** Aborts at the deadline, and when the execution no longer wants the result. */
  signal: AbortSignal;
  /** The same for all attempts of a step: an agent need not repeat work that it did under this key. */
  idempotencyKey: string;
  deadline: Date;
  traceparent: string;
}>;

// eslint-disable-next-line @typescript-eslint/no-explicit-any -- The signature that the guide gives. The input is an `AgentInput`.
export type AgentFunction = (input: any, context: AgentContext) => Promise<AgentResult>;

/**
 * One registry in a process, also where this module is loaded twice (from sources and from a build, or as two installed
 * copies): a function that is registered through one copy must be found through the other.
 */
const KEY = Symbol.for('workflow-executor.agents');

type Holder = { [KEY]?: Map<string, AgentFunction> };

const functions = (): Map<string, AgentFunction> => ((globalThis as Holder)[KEY] ??= new Map<string, AgentFunction>());

/**
 * Makes `agent` the agent of that name, before any URL; a later registration takes the place of an earlier one.
 * @param name a letter, then up to 63 letters, digits, `_` or `-`; what a workflow definition calls the agent
 * @throws TypeError when the name or the function is none
 */
export const registerAgent = (name: string, agent: AgentFunction): void => {
  if (typeof name !== 'string' || !AGENT_NAME.test(name))
    throw new TypeError(
      `registerAgent: expected a name of a letter and up to 63 letters, digits, "_" or "-", got ${JSON.stringify(name)?.slice(0, 80)}`,
    );
  if (typeof agent !== 'function')
    throw new TypeError(`registerAgent("${name}"): expected an async function, got ${typeof agent}`);
  functions().set(name, agent);
};

/** Grows as agents are registered. */
export const registeredAgents = (): ReadonlyMap<string, AgentFunction> => functions();
