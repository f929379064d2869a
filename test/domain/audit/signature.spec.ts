import { DutiesNotSeparate, type Act, type Duty } from '../../../src/domain/access/duties.js';
import { documentVersions } from '../../../src/domain/audit/documents.js';
import {
  readSignatureEvent,
  signatures,
  stalenessOf,
  type SignatureCommand,
  type SignatureEvent,
} from '../../../src/domain/audit/signature.js';
import { CommandRejected, fold } from '../../../src/domain/decider.js';

const [A, B, C] = ['a', 'b', 'c'].map((digit) => digit.repeat(64)) as [string, string, string];
const person = (id: string) => ({ type: 'user', id, issuer: 'https://id', verified: true }) as const;
const completed = (revision: number, ...files: readonly [string, string][]) => ({
  ...{ type: 'StepCompleted', revision },
  data: { artifacts: files.map(([name, sha256]) => ({ name, sha256 })) },
});
const BROCHURE = [completed(3, ['ib.pdf', A], ['ib.docx', B])];

type Given = Partial<Extract<SignatureCommand, { type: 'ApplySignature' }>['data']>;
type World = Readonly<{ acts?: readonly Act[]; relaxed?: readonly Duty[]; events?: typeof BROCHURE }>;

const apply = (given: Given = {}, { acts = [], relaxed = [], events = BROCHURE }: World = {}): SignatureCommand => ({
  type: 'ApplySignature',
  data: {
    ...{ executionId: 'e', signatureId: 's1', printedName: 'Ann Smith', subject: 'ann', issuer: 'https://id' },
    ...{ meaning: 'approval', throughRevision: 5, eventHash: C, hashes: [A], signer: person('ann'), reason: null },
    ...{ at: '2030-01-01T00:00:00.000Z', authTime: '2029-12-31T23:59:00.000Z', limit: 50 },
    history: { acts, relaxed, documents: documentVersions(events) },
    ...given,
  },
});
const withdraw = (signatureId = 's1'): SignatureCommand => ({
  type: 'WithdrawSignature',
  data: {
    ...{ executionId: 'e', signatureId, by: person('rita'), reason: 'a mistake' },
    ...{ at: '2030-01-02T00:00:00.000Z' },
  },
});
const given = (...history: readonly SignatureCommand[]) => {
  const events = history.reduce<readonly SignatureEvent[]>(
    (before, command) => [...before, ...signatures.decide(command, fold(signatures, before))],
    [],
  );
  return { events, state: fold(signatures, events) };
};
const refusal = (act: () => unknown): CommandRejected => {
  try {
    act();
  } catch (error) {
    if (error instanceof CommandRejected) return error;
    throw error;
  }
  throw new Error('Expected a refusal');
};

describe('a signature', () => {
  it('holds who signed, what it means, which history and which documents, by name and hash', () => {
    const [event] = given(apply({ hashes: [B, A] })).events;
    expect(event).toEqual({
      type: 'SignatureApplied',
      data: {
        ...{ executionId: 'e', signatureId: 's1', printedName: 'Ann Smith', subject: 'ann', issuer: 'https://id' },
        ...{ meaning: 'approval', throughRevision: 5, eventHash: C, reason: null },
        documents: [
          { name: 'ib.docx', sha256: B },
          { name: 'ib.pdf', sha256: A },
        ],
        ...{ at: '2030-01-01T00:00:00.000Z', authTime: '2029-12-31T23:59:00.000Z' },
      },
    });
    expect(readSignatureEvent(event!.type, JSON.parse(JSON.stringify(event!.data)))).toEqual(event);
  });

  it('of the history alone names no document', () => {
    expect(given(apply({ hashes: [] })).events[0]!.data).toMatchObject({ documents: [] });
  });

  it('is refused for bytes that are no document of the execution at that revision', () => {
    for (const each of [apply({ hashes: [C] }), apply({ throughRevision: 2 })])
      expect(refusal(() => given(each)).message).toMatch(
        /documents: expected hashes of the execution's documents as of/,
      );
  });

  it('is refused for a document that has other bytes by now', () => {
    const events = [...BROCHURE, completed(9, ['ib.pdf', C])];
    expect(refusal(() => given(apply({}, { events }))).message).toMatch(/ib.pdf has other bytes since revision 9/);
    expect(given(apply({ throughRevision: 9, hashes: [C] }, { events })).events).toHaveLength(1);
  });

  it('stands beside those before it, up to the limit', () => {
    const two = [apply({ limit: 2 }), apply({ signatureId: 's2', limit: 2 })];
    expect([...given(...two).state.keys()]).toEqual(['s1', 's2']);
    expect(refusal(() => given(...two, apply({ signatureId: 's3', limit: 2 }))).message).toMatch(
      /at most 2 signatures/,
    );
  });

  it('is withdrawn once, by an event that says by whom and why, and stays', () => {
    const { events, state } = given(apply(), withdraw(), withdraw());
    expect(events.map(({ type }) => type)).toEqual(['SignatureApplied', 'SignatureWithdrawn']);
    expect(state.get('s1')).toMatchObject({
      printedName: 'Ann Smith',
      withdrawn: { by: { id: 'rita' }, reason: 'a mistake' },
    });
  });

  it('that is not there is not withdrawn', () => {
    expect(refusal(() => given(apply(), withdraw('s9'))).kind).toBe('NotFound');
  });

  it('is read only where it holds what it should; unknown types are passed over', () => {
    expect(readSignatureEvent('SignatureFramed', {})).toBeNull();
    const [event] = given(apply()).events;
    expect(() => readSignatureEvent('SignatureApplied', { ...event!.data, meaning: 'liked' })).toThrow(/at meaning/);
    expect(() => readSignatureEvent('SignatureApplied', { ...event!.data, eventHash: 'x' })).toThrow(/at eventHash/);
  });
});

describe('separation of duties', () => {
  const acted = (act: Act['act'], id = 'ann') => [{ act, revision: 4, actor: person(id) }];

  it.each(['started', 'retried', 'executed'] as const)('who %s it does not sign it', (act) => {
    const error = refusal(() => given(apply({}, { acts: acted(act) })));
    expect(error).toBeInstanceOf(DutiesNotSeparate);
    expect(error).toMatchObject({ standing: { act, revision: '4', duty: 'approval' } });
  });

  it('another person signs, though of the same id with another issuer', () => {
    expect(given(apply({}, { acts: acted('started', 'rita') })).events).toHaveLength(1);
    const signer = { ...person('ann'), issuer: 'https://other' };
    expect(given(apply({ signer }, { acts: acted('started') })).events).toHaveLength(1);
  });

  it('a definition relaxes it by name, for that duty alone', () => {
    const world = { acts: acted('started'), relaxed: ['author'] as const };
    expect(given(apply({ meaning: 'author' }, world)).events).toHaveLength(1);
    expect(refusal(() => given(apply({ meaning: 'approval' }, world)))).toBeInstanceOf(DutiesNotSeparate);
  });
});

describe('a signature is stale', () => {
  const versions = (...events: typeof BROCHURE) => documentVersions([...BROCHURE, ...events]);
  const signed = { throughRevision: 5, documents: [{ name: 'ib.pdf', sha256: A }] };

  it('where a signed document has other bytes by now', () => {
    expect(stalenessOf(signed, versions(completed(8, ['ib.docx', C], ['ib.pdf', B])))).toEqual({
      ...{ why: 'signed_document_replaced', document: 'ib.pdf', sha256: B, revision: 8 },
    });
  });

  it('where another document of the signed history has', () => {
    expect(stalenessOf(signed, versions(completed(8, ['ib.docx', C])))).toMatchObject({
      ...{ why: 'document_replaced', document: 'ib.docx' },
    });
  });

  it('and not where the same bytes were made again, or a document was added', () => {
    expect(stalenessOf(signed, versions(completed(8, ['ib.pdf', A], ['annex.pdf', C])))).toBeNull();
  });
});
