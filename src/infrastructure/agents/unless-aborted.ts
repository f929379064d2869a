import type { AgentCall, AgentReply } from '../../application/agents/agents.js';
import { failure } from './failure.js';

/**
 * Ends when the call's signal aborts, at once, whatever becomes of `work`: a function may take no notice of the signal,
 * and undici takes none while it connects. Nothing is begun under a signal that has aborted already.
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

/** The caller gave up: at the deadline (`reason` is 'deadline'), or because nobody waits for the result any more. */
const aborted = (agent: string, reason: unknown): AgentReply =>
  reason === 'deadline'
    ? failure('transient', 'TIMEOUT', `Agent "${agent}" was expected to answer before its deadline, and did not`)
    : failure('transient', 'ABORTED', `The call of agent "${agent}" was ended before it answered`);
