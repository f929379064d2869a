import type { Clock } from '../runtime/clock.js';
import type { Actor, CommandContext } from '../log/envelope.js';
import { commandIdFor, type Ids } from '../log/ids.js';

/** The caller of a command: who, why, and under which of the client's own keys. */
export type Caller = Readonly<{
  actor: Actor;
  /** Whom the request named beside a credential that says otherwise. */
  claimedActor?: Actor | undefined;
  reason: string | null;
  /** The client's Idempotency-Key; null: each request is a command of its own. */
  idempotencyKey: string | null;
  traceparent: string | null;
  /** Absent where no request was made. */
  requestId?: string | undefined;
}>;

export const contextOf = (
  { ids, clock }: Readonly<{ ids: Ids; clock: Clock }>,
  { actor, claimedActor, reason, idempotencyKey, traceparent, requestId }: Caller,
  executionId: string,
  verb: string,
): CommandContext => ({
  commandId: idempotencyKey === null ? ids.uuid() : commandIdFor(executionId, verb, idempotencyKey),
  at: clock.now(),
  actor,
  claimedActor,
  reason,
  causationId: null,
  traceparent,
  requestId,
});
