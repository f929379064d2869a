/** Nobody waits for the answer any more: what is left of the work for it is not done. */
export class CallerLeft extends Error {}

/** Between two parts of a long piece of work. @throws CallerLeft */
export const mustListen = (signal: AbortSignal | undefined): void => {
  if (signal?.aborted) throw new CallerLeft('The caller has left');
};
