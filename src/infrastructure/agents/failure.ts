import type { AgentReply } from '../../application/agents/agents.js';
import type { ErrorType } from '../../domain/workflow/retry-policy.js';

export type Failure = Extract<AgentReply, { success: false }>;

export const failure = (
  type: ErrorType,
  code: string,
  message: string,
  retryAfterMs: number | null = null,
): Failure => ({ success: false, error: { type, code, message }, retryAfterMs });

/** Text from elsewhere, made fit to be stored and shown: of bounded length, without control characters and halves of characters. */
export const bounded = (text: string, length: number): string => {
  const cut = text.length > length ? `${text.slice(0, Math.max(0, length - 1))}…` : text;
  return cut.replace(/[^\P{Cc}\n\t]|\p{Surrogate}/gu, ' ');
};
