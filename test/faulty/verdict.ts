/** What an answer says of an order, and whether that is so. */
import type { Reply } from '../e2e/support/api.js';
import type { Mode } from '../support/faulty-server/modes.js';

type Verdict = 'carried out' | 'not carried out' | 'unknown';

/** Modes in which the server says each time that it did nothing: the application then knows. */
const REFUSING: readonly Mode[] = ['not ready', 'busy', 'no leader', 'appends denied', 'reads denied'];

/** Any other answer is one that no order may get. */
const verdictOf = ({ status, body }: Reply): Verdict | undefined => {
  if (status === 200 || status === 201) return 'carried out';
  const message = status === 503 ? String(body?.error?.message) : '';
  if (/may or may not have been carried out/.test(message)) return 'unknown';
  return /not carried out|nothing was done/.test(message) ? 'not carried out' : undefined;
};

/** How an order was answered, and how often the log has it. */
export type Outcome = Readonly<{ reply: Reply; kept: number }>;

/** @returns what is wrong with the answer */
export const wrongVerdict = ({ reply, kept }: Outcome, mode: Mode): string | null => {
  const verdict = verdictOf(reply);
  if (!verdict)
    return `expected 200, 201, or a 503 that says what became of it; got ${reply.status} ${JSON.stringify(reply.body)}`;
  const isRight = verdict === 'carried out' ? kept === 1 : verdict === 'not carried out' ? kept === 0 : kept <= 1;
  if (!isRight) return `the answer says ${verdict}, the log has it ${kept} times`;
  const wasRefused = verdict === 'unknown' && REFUSING.includes(mode);
  return wasRefused ? 'the answer says "may or may not", and the server had refused it each time' : null;
};
