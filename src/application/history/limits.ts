/** How much of a history one request may cost. */
export const HISTORY_LIMITS = {
  /** Events of one read of the log. */
  readEvents: 500,
  /** Events that one page looks at, where it takes only some types: it ends there, with a cursor. */
  scannedEvents: 10_000,
  /** Events that are folded for one answer. A stream holds no more: the log would not read it whole either. */
  foldedEvents: 100_000,
};
