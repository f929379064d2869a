import type { AgentCall, AgentReply } from '../../application/agents/agents.js';
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

/**
 * Ends at once when the call's signal aborts, even if `work` goes on: a function may take no notice of the signal, and undici
 * takes none while it connects. Nothing begins under a signal that has aborted already.
 */
export const unlessAborted = async <Reply>(
  { agent, signal }: AgentCall,
  work: () => Promise<Reply>,
): Promise<Reply | AgentReply> => {
  if (signal.aborted) return aborted(agent, signal.reason);
  let stopListening = (): void => undefined;
  const ended = new Promise<null>((resolve) => {
    const end = () => resolve(null);
    signal.addEventListener('abort', end, { once: true });
    stopListening = () => signal.removeEventListener('abort', end);
  });
  try {
    const reply = await Promise.race([work(), ended]);
    // Work that failed because of the abort may be the first to say so.
    return reply === null || signal.aborted ? aborted(agent, signal.reason) : reply;
  } finally {
    stopListening();
  }
};

/** The caller gave up: at the deadline (`reason` is 'deadline'), or because the execution no longer wants the result. */
const aborted = (agent: string, reason: unknown): AgentReply =>
  reason === 'deadline'
    ? failure('transient', 'TIMEOUT', `Agent "${agent}" was expected to answer before its deadline, and did not`)
    : failure('transient', 'ABORTED', `The call of agent "${agent}" was ended before it answered`);

/** A time of day in an answer is of the clock of the server that sent it, and `Date` is what that clock shows. @param now where it sends none */
export const sentAt = (date: string | string[] | undefined, now: Date): Date => {
  const at = Date.parse([date].flat()[0] ?? '');
  return Number.isNaN(at) ? now : new Date(at);
};

/**
 * How long an agent asks not to be called, milliseconds.
 * @param now by the clock of the agent: an HTTP-date is of that clock
 * @param value seconds, or an HTTP-date in any of its three forms, as in the header Retry-After
 * @param limitMs a longer time is cut to this
 * @returns null where the value cannot be understood; 0 where the time is in the past
 */
export const retryAfterMs = (value: unknown, now: Date, limitMs: number): number | null => {
  const delayMs = typeof value === 'number' ? value * 1000 : typeof value === 'string' ? parse(value.trim(), now) : NaN;
  return Number.isNaN(delayMs) ? null : Math.round(Math.min(Math.max(delayMs, 0), limitMs));
};

const parse = (text: string, now: Date): number => {
  if (/^-?\d+(\.\d+)?$/.test(text)) return Number(text) * 1000;
  // Date.parse alone takes almost anything for a date.
  if (!/^(mon|tue|wed|thu|fri|sat|sun)[a-z]*,? /i.test(text)) return NaN;
  // The asctime form names no zone; all three are in GMT.
  return Date.parse(/GMT$/i.test(text) ? text : `${text} GMT`) - now.getTime();
};
