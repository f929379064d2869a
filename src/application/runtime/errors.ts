/** What the application refuses before the domain is asked, or cannot do now. The HTTP edge has one status for each. */

/** 400: the request cannot be carried out as it stands. */
export class InvalidRequest extends Error {
  constructor(
    readonly code: string,
    message: string,
    readonly details: Readonly<Record<string, unknown>> = {},
  ) {
    super(message);
  }
}

/** 404 */
export class NotFound extends Error {}

/** 404: the execution is there, but not (yet) at that place of its history. */
export class NotInHistory extends Error {
  constructor(
    message: string,
    readonly details: Readonly<Record<string, unknown>> = {},
  ) {
    super(message);
  }
}

/** 409: the audit pack that was made does not stand the check that its reader will make. */
export class PackRefused extends Error {
  constructor(
    executionId: string,
    readonly found: string,
  ) {
    super(
      `The audit pack of execution ${executionId} is not given out, as its own verifier refuses it: ${found}. ` +
        `Run \`npm run audit -- verify ${executionId}\`: the history is not what was recorded and signed`,
    );
  }
}

/** Why an attempt's result no longer counts. */
export type OverReason = 'completed' | 'failed' | 'replaced' | 'cancelled';

/** 410: a task token whose attempt has ended. Its agent can stop. */
export class AttemptOver extends Error {
  constructor(
    readonly reason: OverReason,
    message: string,
  ) {
    super(message);
  }
}

/** 412: the execution has moved on from the revision that the order was made for, or was never there. */
export class OtherRevision extends Error {
  constructor(
    message: string,
    readonly details: Readonly<Record<string, unknown>>,
  ) {
    super(message);
  }
}

/** 422: an Idempotency-Key that was used before, for something else. */
export class IdempotencyKeyReused extends Error {}

/** 503: more waits to be run than is allowed; `retryAfterSeconds` goes to the client. */
export class TooMuchWaiting extends Error {
  constructor(
    message: string,
    readonly retryAfterSeconds: number,
  ) {
    super(message);
  }
}

/** 503: true now, perhaps not in a moment. */
export class NotReady extends Error {}

/**
 * What an error says, whatever was thrown. Where several addresses were tried, only the errors inside it say why; a wrapper
 * without words leaves them to its cause, and a bare failure of the system has a code alone.
 */
export const reasonOf = (error: unknown): string => {
  try {
    const { errors, message, cause, code } = (error ?? {}) as Thrown;
    if (Array.isArray(errors) && errors.length > 0) return reasonOf(errors[0]);
    if (typeof message === 'string' && message !== '') return message;
    if (cause) return reasonOf(cause);
    return typeof code === 'string' ? code : String(error);
  } catch {
    return 'something that cannot be shown';
  }
};

type Thrown = Readonly<{ errors?: unknown; message?: unknown; cause?: unknown; code?: unknown }>;

/** Takes each failure that no caller awaits, with the sentence for the application's log. */
export type OnError = (message: string, error: unknown) => void;

/** The caller no longer waits for the answer: what is left of the work for it is not done. */
export class CallerLeft extends Error {}

/** Called between two parts of a long piece of work. @throws CallerLeft */
export const mustListen = (signal: AbortSignal | undefined): void => {
  if (signal?.aborted) throw new CallerLeft('The caller has left');
};

/** What an operator has to hear of is one line of the application's log. */
export type Level = 'log' | 'warn' | 'error';
export type Notify = (level: Level, line: string) => void;
