/** Electronic signatures of executions, in the log: given once, withdrawn by an event, listed from the log itself. */
import { Command, CommandHandler, Query, QueryHandler, type ICommandHandler, type IQueryHandler } from '@nestjs/cqrs';
import {
  readSignatureEvent,
  signatures,
  signatureStream,
  stalenessOf,
  type Meaning,
  type Signature,
  type Signatures,
  type Stale,
} from '../../domain/audit/signature.js';
import { FRESH_SIGN_IN_MS, freshSignInAt, FreshSignInRequired, type FreshSignIns } from '../access/fresh-sign-ins.js';
import { Forbidden, isVerified, type Principal } from '../access/principal.js';
import { contextOf, type Caller } from '../commands/caller.js';
import type { CommandContext } from '../log/envelope.js';
import { linkOf } from '../log/event-hash.js';
import type { EventLog, RecordedEvent } from '../log/event-log.js';
import type { ForeignEvents } from '../log/foreign-events.js';
import { commandIdFor, Ids } from '../log/ids.js';
import { SmallStream, type SmallFold } from '../log/small-stream.js';
import { Clock } from '../runtime/clock.js';
import { IdempotencyKeyReused, InvalidRequest, NotFound } from '../runtime/errors.js';
import type { Histories } from '../workflow/histories.js';
import { eventAt, historyOf } from './signed-history.js';

/** How many an execution may have, withdrawn ones among them: each event of the stream is remembered, to recognise a repeat. */
const MAX_SIGNATURES = 50;

export type SignatureRequest = Readonly<{
  meaning: Meaning;
  throughRevision: number;
  /** SHA-256, hex. */
  documents: readonly string[];
  reason: string | null;
}>;

export type SignatureView = Signature & Readonly<{ stale: Stale | null }>;

const stream = new SmallStream(signatures, readSignatureEvent);

const viewed = (state: Signatures, events: readonly RecordedEvent[]): readonly SignatureView[] => {
  const { documents } = historyOf(events);
  return [...state.values()].map((signature) => ({ ...signature, stale: stalenessOf(signature, documents) }));
};

/** Oldest first, of events that were read. @param signed of the signatures' stream @param events of the execution, whole */
export const signaturesIn = (
  signed: readonly RecordedEvent[],
  events: readonly RecordedEvent[],
): readonly SignatureView[] =>
  viewed(signed.reduce((folded, event) => stream.fold(folded, event), stream.unread).state, events);

type Ports = Readonly<{
  log: EventLog;
  clock: Clock;
  histories: Histories;
  freshSignIns: FreshSignIns;
  foreign?: ForeignEvents;
}>;

export class ExecutionSignatures {
  constructor(private readonly ports: Ports) {}

  /** Oldest first, as they stand now. Empty also where there is no such execution. @throws HistoryDamaged, LogUnavailable */
  async of(executionId: string): Promise<readonly SignatureView[]> {
    const { state } = await this.read(executionId);
    return state.size === 0 ? [] : viewed(state, (await this.ports.histories.read(executionId)).events);
  }

  /**
   * All that can be refused is refused before the sign-in is used. A repeat under one command id is answered with what the first
   * one recorded, and uses none.
   * @throws Forbidden, NotFound, InvalidRequest, CommandRejected, FreshSignInRequired, IdempotencyKeyReused, LogUnavailable
   */
  async apply(
    executionId: string,
    request: SignatureRequest,
    principal: Principal,
    context: CommandContext,
  ): Promise<SignatureView> {
    const signer = mustBePerson(principal);
    const signatureId = commandIdFor(signatureStream(executionId), 'signature', context.commandId);
    const before = await this.read(executionId);
    const repeated = before.state.get(signatureId);
    if (repeated) return sameRequest(await this.view(executionId, signatureId), request);
    const { events } = await this.ports.histories.read(executionId);
    if (events.length === 0) throw new NotFound(`There is no execution ${executionId}`);
    const { documents: hashes, ...asked } = request;
    const { acts, relaxed, documents } = historyOf(events);
    const signed = {
      ...{ executionId, signatureId, ...asked, hashes, signer: principal.actor },
      ...{ ...signer, eventHash: linkOf(eventAt(events, request.throughRevision)), at: context.at.toISOString() },
      ...{ history: { acts, relaxed, documents }, limit: MAX_SIGNATURES },
    };
    const command = (authTime: Date) =>
      ({ type: 'ApplySignature', data: { ...signed, authTime: authTime.toISOString() } }) as const;
    signatures.decide(command(context.at), before.state);
    const authenticatedAt = await this.freshly(executionId, signatureId, principal);
    if (authenticatedAt) await this.execute(executionId, command(authenticatedAt), context);
    return sameRequest(await this.view(executionId, signatureId), request);
  }

  /** Withdrawn before: changes nothing. @throws Forbidden, NotFound, CommandRejected, LogUnavailable */
  async withdraw(
    executionId: string,
    signatureId: string,
    reason: string,
    principal: Principal,
    context: CommandContext,
  ): Promise<SignatureView> {
    mustBePerson(principal);
    const { type, id, name, issuer } = principal.actor;
    const data = { executionId, signatureId, by: { type, id, name, issuer }, reason, at: context.at.toISOString() };
    await this.execute(executionId, { type: 'WithdrawSignature', data }, context);
    return this.view(executionId, signatureId);
  }

  /** When the signer proved who they are; null where a repeat of the same request, at the same time, has used the sign-in and signed. */
  private async freshly(executionId: string, signatureId: string, principal: Principal): Promise<Date | null> {
    const purpose = `sign:${executionId}`;
    try {
      const { authenticatedAt } = await this.ports.freshSignIns.consume(principal, purpose);
      const age = this.ports.clock.now().getTime() - authenticatedAt.getTime();
      if (age <= FRESH_SIGN_IN_MS) return authenticatedAt;
      throw new FreshSignInRequired(freshSignInAt(purpose));
    } catch (error) {
      if (error instanceof FreshSignInRequired && (await this.read(executionId)).state.has(signatureId)) return null;
      throw error;
    }
  }

  private async view(executionId: string, signatureId: string): Promise<SignatureView> {
    const found = (await this.of(executionId)).find((each) => each.signatureId === signatureId);
    if (found) return found;
    throw new NotFound(`Execution ${executionId} has no signature ${signatureId}`);
  }

  private read(executionId: string): Promise<SmallFold<Signatures>> {
    return stream.read(this.ports, signatureStream(executionId));
  }

  private execute(executionId: string, command: Parameters<typeof signatures.decide>[0], context: CommandContext) {
    return stream.execute(this.ports, signatureStream(executionId), command, context);
  }
}

/** @throws Forbidden for a service, and where nothing proves who asks; InvalidRequest for a person without a name to print */
const mustBePerson = (principal: Principal) => {
  const { type, id, name, issuer } = principal.actor;
  if (!isVerified(principal))
    throw new Forbidden(
      'audit.sign',
      'Expected a person whom a provider vouches for: this installation asks nobody who they are, so nobody can sign. ' +
        'Set AUTH=oidc, OIDC_ISSUER and what belongs to it (docs/access.md)',
    );
  if (type !== 'user' || issuer === undefined)
    throw new Forbidden('audit.sign', `Expected a person, got ${type} ${id}: services do not sign`);
  if (!name?.trim())
    throw new InvalidRequest(
      'PRINTED_NAME_MISSING',
      `Expected a name to print with the signature: the provider gives none for ${id}`,
    );
  return { printedName: name, subject: id, issuer };
};

const sameRequest = (recorded: SignatureView, request: SignatureRequest): SignatureView => {
  const { meaning, throughRevision, documents, reason } = recorded;
  const isSame =
    meaning === request.meaning &&
    throughRevision === request.throughRevision &&
    reason === request.reason &&
    request.documents.every((hash) => documents.some(({ sha256 }) => sha256 === hash)) &&
    documents.every(({ sha256 }) => request.documents.includes(sha256));
  if (isSame) return recorded;
  throw new IdempotencyKeyReused('The Idempotency-Key was used for another signature of this execution; use a new key');
};

/** A person vouches for an execution's history and documents. */
export class SignExecution extends Command<SignatureView> {
  constructor(
    readonly executionId: string,
    readonly request: SignatureRequest,
    readonly principal: Principal,
    readonly caller: Caller,
  ) {
    super();
  }
}

@CommandHandler(SignExecution)
export class SignExecutionHandler implements ICommandHandler<SignExecution> {
  constructor(
    private readonly signed: ExecutionSignatures,
    private readonly ids: Ids,
    private readonly clock: Clock,
  ) {}

  execute({ executionId, request, principal, caller }: SignExecution): Promise<SignatureView> {
    const { ids, clock } = this;
    const context = contextOf({ ids, clock }, caller, executionId, 'SignExecution');
    return this.signed.apply(executionId, request, principal, context);
  }
}

export class WithdrawSignature extends Command<SignatureView> {
  constructor(
    readonly executionId: string,
    readonly signatureId: string,
    readonly reason: string,
    readonly principal: Principal,
    readonly caller: Caller,
  ) {
    super();
  }
}

@CommandHandler(WithdrawSignature)
export class WithdrawSignatureHandler implements ICommandHandler<WithdrawSignature> {
  constructor(
    private readonly signed: ExecutionSignatures,
    private readonly ids: Ids,
    private readonly clock: Clock,
  ) {}

  execute({ executionId, signatureId, reason, principal, caller }: WithdrawSignature): Promise<SignatureView> {
    const { ids, clock } = this;
    const context = contextOf({ ids, clock }, caller, executionId, `WithdrawSignature ${signatureId}`);
    return this.signed.withdraw(executionId, signatureId, reason, principal, context);
  }
}

/** From the log itself, oldest first. */
export class ListSignatures extends Query<readonly SignatureView[]> {
  constructor(readonly executionId: string) {
    super();
  }
}

@QueryHandler(ListSignatures)
export class ListSignaturesHandler implements IQueryHandler<ListSignatures> {
  constructor(private readonly signed: ExecutionSignatures) {}

  execute({ executionId }: ListSignatures): Promise<readonly SignatureView[]> {
    return this.signed.of(executionId);
  }
}
