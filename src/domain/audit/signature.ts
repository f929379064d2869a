/**
 * Electronic signatures of an execution: who signed, with which meaning, which history and which documents. A stream of its own
 * for each execution, as a history ends with its final event and is signed after that. A signature is withdrawn by an event,
 * never removed. The events are a storage contract.
 */
import { mustBeSeparate, type Act, type Duty, type DutyActor } from '../access/duties.js';
import { CommandRejected, unreachable, type Decider, type Message } from '../decider.js';
import { is, listOf, mustHold, oneOf, orNull, record, text, time, whole, type Shape } from '../shape.js';
import { documentsAt, type DocumentVersion } from './documents.js';

export const MEANINGS = ['author', 'review', 'approval', 'responsibility'] as const;
export type Meaning = (typeof MEANINGS)[number];

type SignedDocument = Readonly<{ name: string; sha256: string }>;

export type SignatureApplied = Readonly<{
  executionId: string;
  signatureId: string;
  /** The signer's name, as the provider has it and as it is printed. */
  printedName: string;
  /** Whom the provider vouches for. */
  subject: string;
  issuer: string;
  meaning: Meaning;
  /** The last event that was signed, and its hash, which covers all before it. SHA-256, hex. */
  throughRevision: number;
  eventHash: string;
  /** Hashes of the bytes. None: the history alone is signed. */
  documents: readonly SignedDocument[];
  reason: string | null;
  /** ISO-8601 UTC. `authTime`: when the signer proved to the provider who they are, to sign this. */
  at: string;
  authTime: string;
}>;

type SignatureWithdrawn = Readonly<{
  executionId: string;
  signatureId: string;
  by: Readonly<{ type: string; id: string; name?: string | undefined; issuer?: string | undefined }>;
  reason: string;
  /** ISO-8601 UTC. */
  at: string;
}>;

export type SignatureEvent =
  Message<'SignatureApplied', SignatureApplied> | Message<'SignatureWithdrawn', SignatureWithdrawn>;

/** What the history of the execution has to say to a signature. */
type SignedHistory = Readonly<{
  acts: readonly Act[];
  relaxed: readonly Duty[];
  documents: readonly DocumentVersion[];
}>;

export type SignatureCommand =
  | Message<
      'ApplySignature',
      Omit<SignatureApplied, 'documents'> &
        Readonly<{ hashes: readonly string[]; signer: DutyActor; history: SignedHistory; limit: number }>
    >
  | Message<'WithdrawSignature', SignatureWithdrawn>;

export type Signature = SignatureApplied & Readonly<{ withdrawn: SignatureWithdrawn | null }>;

/** By id, oldest first. */
export type Signatures = ReadonlyMap<string, Signature>;

const decide = (command: SignatureCommand, state: Signatures): readonly SignatureEvent[] => {
  switch (command.type) {
    case 'ApplySignature': {
      const { hashes, signer, history, limit, ...signed } = command.data;
      if (state.size >= limit)
        throw new CommandRejected('Conflict', `Execution ${signed.executionId}: expected at most ${limit} signatures`);
      mustBeSeparate(signer, signed.meaning, history);
      const documents = documentsOf(hashes, signed.throughRevision, history.documents);
      return [{ type: 'SignatureApplied', data: { ...signed, documents } }];
    }
    case 'WithdrawSignature': {
      const signature = state.get(command.data.signatureId);
      if (!signature)
        throw new CommandRejected('NotFound', `This execution has no signature ${command.data.signatureId}`);
      return signature.withdrawn ? [] : [{ type: 'SignatureWithdrawn', data: command.data }];
    }
    default:
      return unreachable(command);
  }
};

/** @throws CommandRejected for a hash that is no document's, and for one whose document is another by now: nobody signs what is stale */
const documentsOf = (
  hashes: readonly string[],
  throughRevision: number,
  versions: readonly DocumentVersion[],
): readonly SignedDocument[] => {
  const then = [...documentsAt(versions, throughRevision).values()];
  return hashes.flatMap((hash) => {
    const found = then.filter(({ sha256 }) => sha256 === hash);
    if (found.length === 0) {
      const expected =
        then.map(({ name, sha256 }) => `${name} ${sha256}`).join(', ') || 'none, as there is no document';
      throw new CommandRejected(
        'Conflict',
        `documents: expected hashes of the execution's documents as of revision ${throughRevision} (${expected}), got ${hash}`,
      );
    }
    for (const { name } of found) {
      const later = versions.findLast((each) => each.name === name && each.revision > throughRevision);
      if (later && later.sha256 !== hash)
        throw new CommandRejected(
          'Conflict',
          `documents: ${name} has other bytes since revision ${later.revision} (${later.sha256}); look at those, and sign them`,
        );
    }
    return found.map(({ name, sha256 }) => ({ name, sha256 }));
  });
};

const evolve = (state: Signatures, event: SignatureEvent): Signatures => {
  const { signatureId } = event.data;
  const before = state.get(signatureId);
  switch (event.type) {
    case 'SignatureApplied':
      return before ? state : new Map(state).set(signatureId, { ...event.data, withdrawn: null });
    case 'SignatureWithdrawn':
      return before && !before.withdrawn
        ? new Map(state).set(signatureId, { ...before, withdrawn: event.data })
        : state;
    default:
      return unreachable(event);
  }
};

export const signatures: Decider<SignatureCommand, Signatures, SignatureEvent> = {
  initialState: new Map(),
  decide,
  evolve,
};

/** Why a signature no longer covers what the execution has. `revision`: of the event that brought other bytes. */
export type Stale = Readonly<{
  why: 'signed_document_replaced' | 'document_replaced';
  document: string;
  sha256: string;
  revision: number;
}>;

/** Null where every document is the one that stood there as the signature was given. @param versions of the whole history */
export const stalenessOf = (
  { throughRevision, documents }: Pick<SignatureApplied, 'throughRevision' | 'documents'>,
  versions: readonly DocumentVersion[],
): Stale | null => {
  const now = documentsAt(versions, Infinity);
  const signed = new Set(documents.map(({ name }) => name));
  const replaced = [...documentsAt(versions, throughRevision).values()].flatMap(({ name, sha256 }) => {
    const latest = now.get(name)!;
    return latest.sha256 === sha256 ? [] : [latest];
  });
  const found = replaced.find(({ name }) => signed.has(name)) ?? replaced[0];
  if (!found) return null;
  const { name, sha256, revision } = found;
  return { why: signed.has(name) ? 'signed_document_replaced' : 'document_replaced', document: name, sha256, revision };
};

export const SIGNATURE_STREAM_PREFIX = 'signature-';
export const signatureStream = (executionId: string): string => SIGNATURE_STREAM_PREFIX + executionId;

const sha256 = is('a SHA-256', (value) => typeof value === 'string' && /^[0-9a-f]{64}$/.test(value));
const ofSignature = { executionId: text, signatureId: text };

const shapes = {
  SignatureApplied: record({
    ...ofSignature,
    ...{ printedName: text, subject: text, issuer: text, meaning: oneOf(...MEANINGS) },
    ...{ throughRevision: whole(0), eventHash: sha256, documents: listOf(record({ name: text, sha256 })) },
    ...{ reason: orNull(text), at: time, authTime: time },
  }),
  SignatureWithdrawn: record({
    ...ofSignature,
    by: record({ type: text, id: text }, { name: text, issuer: text }),
    reason: text,
    at: time,
  }),
} satisfies Record<SignatureEvent['type'], Shape>;

/** Null for a type that this version does not know. @throws where a known event does not hold what it should */
export const readSignatureEvent = (type: string, data: unknown): SignatureEvent | null => {
  if (!Object.hasOwn(shapes, type)) return null;
  mustHold(shapes[type as SignatureEvent['type']], type, data);
  return { type, data } as SignatureEvent;
};
