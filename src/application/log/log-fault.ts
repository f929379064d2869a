/** Why the log cannot be used, as far as an operator can mend it: each with a code and a sentence of its own, without hosts and users. */
export const LOG_FAULTS = {
  CREDENTIALS_REFUSED: 'the event store does not know the user, or the password is another',
  RIGHTS_MISSING: 'the user lacks a right: it has to read $all, and to read and write the streams of this application',
  TLS_FAILED: 'no TLS connection: the certificate is not trusted for this host, or the event store speaks no TLS',
  NO_CONNECTION: 'no connection to the event store',
  NO_QUORUM: 'the event store has no leader: too few of its nodes reach each other, or it is starting',
} as const;

export type LogFault = keyof typeof LOG_FAULTS;

/** Undefined where the error says nothing of that kind. */
export type FaultOf = (error: unknown) => LogFault | undefined;

/** What neither time nor the event store's operator mends by itself: waiting is of no use. */
export const isLasting = (fault: LogFault | undefined): boolean =>
  fault === 'CREDENTIALS_REFUSED' || fault === 'RIGHTS_MISSING' || fault === 'TLS_FAILED';
