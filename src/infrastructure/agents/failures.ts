import { errors } from 'undici';
import { reasonOf } from '../../application/runtime/errors.js';
import type { AgentReply } from '../../application/agents/agents.js';
import type { ErrorType } from '../../domain/workflow/retry-policy.js';
import type { AgentLimits } from './limits.js';

type Failure = Extract<AgentReply, { success: false }>;

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

/** Classes what undici throws: there was no complete answer. `where` names the agent and its address. */
export const connectionFailure = (where: string, error: unknown, limits: AgentLimits): Failure => {
  const code = codeOf(error);
  const fail = (type: Failure['error']['type'], name: string, text: string) =>
    failure(type, name, bounded(text, limits.messageLength));
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID')
    return fail(
      'fatal',
      'TLS_NAME',
      `${where} shows a certificate for another name. Correct the URL or the certificate`,
    );
  if (code === 'UND_ERR_INVALID_ARG')
    return fail('fatal', 'REQUEST_INVALID', `${where} cannot be called: ${reasonOf(error)}`);
  if (code === 'UND_ERR_RES_EXCEEDED_MAX_SIZE')
    return fail('transient', 'ANSWER_TOO_LARGE', `${where}: expected at most ${limits.answerBytes} bytes, got more`);
  if (code === 'UND_ERR_HEADERS_OVERFLOW')
    return fail('transient', 'ANSWER_TOO_LARGE', `${where}: the headers of its answer are too large`);
  if (error instanceof errors.HTTPParserError)
    return fail('transient', 'INVALID_ANSWER', `${where}: expected an HTTP answer, got something else`);
  return fail(
    'transient',
    'NETWORK',
    `${where}: the connection failed before the answer was complete: ${reasonOf(error)}`,
  );
};

type Thrown = Readonly<{ code?: unknown; message?: unknown; cause?: unknown; errors?: unknown }> | null | undefined;

const codeOf = (error: unknown): string => {
  const { code, cause } = (error as Thrown) ?? {};
  if (typeof code === 'string') return code;
  return cause ? codeOf(cause) : '';
};

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
