import { SessionFreshSignIns } from '../../../src/application/access/session-fresh-sign-ins.js';
import { freshSignInAt, FreshSignInRequired, FreshSignIns } from '../../../src/application/access/fresh-sign-ins.js';
import { Forbidden, LOCAL, type Principal } from '../../../src/application/access/principal.js';
import { AuditReviews } from '../../../src/application/audit/reviews.js';
import { ExecutionSignatures, type SignatureRequest } from '../../../src/application/audit/signatures.js';
import { enveloped, type Actor, type CommandContext } from '../../../src/application/log/envelope.js';
import { linkOf } from '../../../src/application/log/event-hash.js';
import { HistoryUnreadable } from '../../../src/application/log/event-log.js';
import { ForeignEvents } from '../../../src/application/log/foreign-events.js';
import { StreamWriter } from '../../../src/application/log/stream-writer.js';
import { IdempotencyKeyReused, InvalidRequest, NotFound } from '../../../src/application/runtime/errors.js';
import { Histories } from '../../../src/application/workflow/histories.js';
import { DutiesNotSeparate, type Duty } from '../../../src/domain/access/duties.js';
import { EVERYTHING } from '../../../src/domain/access/grants.js';
import type { Message } from '../../../src/domain/decider.js';
import { EXECUTION_ID, stepIdAt, twoSteps, workflowStarted } from '../../support/histories.js';
import { InMemoryEventLog } from '../../../src/testing/in-memory.event-log.js';
import { VirtualClock } from '../../../src/testing/virtual-clock.js';

const [A, B] = ['a'.repeat(64), 'b'.repeat(64)];
const person = (id: string, name: string | undefined = `${id} Smith`): Principal => ({
  actor: { type: 'user', id, name, issuer: 'https://id', via: 'oidc', verified: true },
  rights: EVERYTHING,
  credential: { kind: 'token', expiresAt: new Date('2999-01-01'), claimed: [] },
});
const [ann, rita] = [person('ann'), person('rita')];
const service: Principal = {
  ...ann,
  actor: { type: 'service', id: 'ci', issuer: 'keys', via: 'key', verified: true },
};
const summary = { state: 'x', step: null, nextStep: null, percentComplete: 0, nextActionAt: null };

/** Gives each person one sign-in for each time the test says so. */
class CountedSignIns extends FreshSignIns {
  left = 0;
  used = 0;
  authenticatedAt: Date | null = null;
  constructor(private readonly clock: VirtualClock) {
    super();
  }
  consume(_principal: Principal, purpose: string) {
    if (this.left === 0) return Promise.reject(new FreshSignInRequired(freshSignInAt(purpose)));
    this.left -= 1;
    this.used += 1;
    return Promise.resolve({ authenticatedAt: this.authenticatedAt ?? this.clock.now() });
  }
}

const signedWorld = async ({ startedBy = ann.actor, relax = [] as readonly Duty[] } = {}) => {
  const clock = new VirtualClock();
  const log = new InMemoryEventLog(() => clock.now());
  const lines: string[] = [];
  const foreign = new ForeignEvents((_level, line) => lines.push(line));
  const histories = new Histories(log);
  const freshSignIns = new CountedSignIns(clock);
  const signatures = new ExecutionSignatures({ log, clock, histories, freshSignIns, foreign });
  const reviews = new AuditReviews(log, clock, foreign, histories);
  let commands = 0;
  const context = (actor: Actor = rita.actor, commandId = `c${(commands += 1)}`): CommandContext => ({
    ...{ commandId, at: clock.now(), actor, reason: null, causationId: null, traceparent: null },
  });
  const stream = `workflow-${EXECUTION_ID}`;
  const happened = async ({ type, data }: Message<string, unknown>, actor: Actor) => {
    const { events, revision } = await log.read(stream);
    const last = events.at(-1);
    const belonging = { owner: stream, correlationId: EXECUTION_ID, causationId: 'x', summary };
    const unchained = enveloped({ type, data }, context(actor), 0, belonging);
    await new StreamWriter(log, clock).appendBehind(stream, [unchained], {
      ...{ revision, link: last ? linkOf(last) : null },
    });
  };
  const system = { type: 'system', id: 'saga' } as const;
  const document = (sha256: string) =>
    happened(
      {
        type: 'StepCompleted',
        data: {
          ...{
            stepId: stepIdAt(0),
            step: 'one',
            attempt: 1,
            generation: 1,
            output: {},
            agentMetadata: {},
            durationMs: 1,
          },
          artifacts: [{ name: 'ib.pdf', sha256, bytes: 3, contentType: 'application/pdf' }],
        },
      },
      system,
    );
  const started = workflowStarted(twoSteps());
  const definition = {
    ...(started.data as { definition: object }).definition,
    ...(relax.length > 0 && { separationOfDuties: { relax } }),
  };
  await happened({ type: 'WorkflowStarted', data: { ...started.data, definition } }, startedBy);
  await document(A);
  const request: SignatureRequest = { meaning: 'approval', throughRevision: 1, documents: [A], reason: null };
  const sign = (principal = rita, more: Partial<SignatureRequest> = {}, commandId?: string) =>
    signatures.apply(EXECUTION_ID, { ...request, ...more }, principal, context(principal.actor, commandId));
  return { clock, log, lines, signatures, reviews, freshSignIns, context, happened, document, sign, system };
};
type World = Awaited<ReturnType<typeof signedWorld>>;
const withSignIns = async (count: number, options?: Parameters<typeof signedWorld>[0]): Promise<World> => {
  const world = await signedWorld(options);
  world.freshSignIns.left = count;
  return world;
};

test('the signature holds the hash of the event and the time of the sign-in that it used up', async () => {
  const { sign, log, clock, freshSignIns, signatures } = await withSignIns(1);
  freshSignIns.authenticatedAt = new Date(clock.now().getTime() - 60_000);
  const signed = await sign();
  const { events } = await log.read(`workflow-${EXECUTION_ID}`);
  expect(signed).toMatchObject({
    ...{ printedName: 'rita Smith', subject: 'rita', issuer: 'https://id', eventHash: linkOf(events[1]!) },
    ...{ authTime: freshSignIns.authenticatedAt.toISOString(), stale: null, withdrawn: null },
  });
  expect(freshSignIns).toMatchObject({ left: 0, used: 1 });
  expect(await signatures.of(EXECUTION_ID)).toEqual([signed]);
  await expect(sign()).rejects.toThrow(FreshSignInRequired);
});

test('a sign-in that is older than five minutes is none', async () => {
  const { sign, clock, freshSignIns } = await withSignIns(2);
  freshSignIns.authenticatedAt = new Date(clock.now().getTime() - 300_001);
  await expect(sign()).rejects.toThrow(FreshSignInRequired);
  freshSignIns.authenticatedAt = new Date(clock.now().getTime() - 300_000);
  expect((await sign()).withdrawn).toBeNull();
});

test('a repeat under one command is what the first recorded, and uses no sign-in; another request is refused', async () => {
  const { sign, freshSignIns, signatures } = await withSignIns(5);
  const first = await sign(rita, {}, 'k');
  expect(await sign(rita, {}, 'k')).toEqual(first);
  await expect(sign(rita, { meaning: 'review' }, 'k')).rejects.toThrow(IdempotencyKeyReused);
  expect(freshSignIns.used).toBe(1);
  expect(await signatures.of(EXECUTION_ID)).toHaveLength(1);
});

test('of two equal requests at once under one command, with one sign-in, one signature comes', async () => {
  const { sign, signatures } = await withSignIns(1);
  const outcomes = await Promise.allSettled([sign(rita, {}, 'k'), sign(rita, {}, 'k')]);
  expect(outcomes.filter(({ status }) => status === 'fulfilled').length).toBeGreaterThanOrEqual(1);
  expect(await signatures.of(EXECUTION_ID)).toHaveLength(1);
});

test.each([
  ['nobody whom anything proves', LOCAL, Forbidden, /AUTH=oidc/],
  ['a service', service, Forbidden, /services do not sign/],
  ['a person without a name', person('nil', ' '), InvalidRequest, /a name to print/],
  ['the person who started it', ann, DutiesNotSeparate, /user ann started this execution \(revision 0\)/],
])('%s does not sign, and no sign-in is used', async (_, principal, kind, message) => {
  const { sign, freshSignIns } = await withSignIns(1);
  const refused = await sign(principal).catch((error: unknown) => error);
  expect(refused).toBeInstanceOf(kind);
  expect((refused as Error).message).toMatch(message);
  expect(freshSignIns.used).toBe(0);
});

test('a definition that relaxes a duty leaves it to the person who started', async () => {
  const { sign } = await withSignIns(2, { relax: ['author'] });
  expect((await sign(ann, { meaning: 'author' })).printedName).toBe('ann Smith');
  await expect(sign(ann)).rejects.toThrow(DutiesNotSeparate);
});

test('who is merely claimed to have started it may sign, and review', async () => {
  const { sign, reviews, context } = await withSignIns(1, { startedBy: { type: 'user', id: 'ann' } });
  expect((await sign(ann)).subject).toBe('ann');
  const review = { throughRevision: 1, outcome: 'accepted', reason: 'r' } as const;
  expect((await reviews.record(EXECUTION_ID, review, context(ann.actor))).review.actor).toMatchObject({ id: 'ann' });
});

test('the person who retried it neither reviews nor signs it', async () => {
  const { sign, reviews, context, happened } = await withSignIns(1);
  const data = {
    stepId: stepIdAt(0),
    step: 'one',
    generation: 2,
    abandonedAttempt: null,
    order: 'retry',
    earlier: null,
  };
  await happened({ type: 'StepRetryRequested', data }, rita.actor);
  await expect(sign()).rejects.toThrow(/rita retried this execution \(revision 2\)/);
  const review = { throughRevision: 1, outcome: 'accepted', reason: 'r' } as const;
  await expect(reviews.record(EXECUTION_ID, review, context())).rejects.toThrow(DutiesNotSeparate);
});

test('a signature is stale once the document is made anew with other bytes', async () => {
  const { sign, document, signatures } = await withSignIns(2);
  await sign();
  await document(A);
  expect((await signatures.of(EXECUTION_ID))[0]!.stale).toBeNull();
  await document(B);
  expect((await signatures.of(EXECUTION_ID))[0]!.stale).toEqual({
    ...{ why: 'signed_document_replaced', document: 'ib.pdf', sha256: B, revision: 3 },
  });
  await expect(sign(person('quinn'))).rejects.toThrow(/other bytes since revision 3/);
  expect((await sign(person('quinn'), { documents: [B], throughRevision: 3 })).stale).toBeNull();
});

test('another person withdraws it, and it stays', async () => {
  const { sign, signatures, context } = await withSignIns(1);
  const { signatureId } = await sign();
  const quinn = person('quinn');
  const withdraw = (principal: Principal, id = signatureId) =>
    signatures.withdraw(EXECUTION_ID, id, 'mistaken', principal, context(principal.actor));
  const withdrawn = { by: { id: 'quinn', name: 'quinn Smith', issuer: 'https://id' }, reason: 'mistaken' };
  expect(await withdraw(quinn)).toMatchObject({ printedName: 'rita Smith', withdrawn });
  expect(await withdraw(rita)).toMatchObject({ withdrawn });
  await expect(withdraw(LOCAL)).rejects.toThrow(Forbidden);
});

test('foreign and unknown events of the stream count for nothing, and hide no signature', async () => {
  const { sign, log, signatures, lines } = await withSignIns(2);
  const stream = `signature-${EXECUTION_ID}`;
  const put = async (id: string, type: string) =>
    log.append(stream, [{ id, type, data: { nonsense: true }, metadata: {} }], (await log.read(stream)).revision);
  await put('00000000-0000-4000-8000-000000000001', 'SignatureApplied');
  await sign();
  await put('00000000-0000-4000-8000-000000000002', 'SignatureFramed');
  await sign(person('quinn'));
  expect((await signatures.of(EXECUTION_ID)).map(({ subject }) => subject)).toEqual(['rita', 'quinn']);
  expect(lines).toHaveLength(1);
});

test('an execution that is not there, and one whose history is malformed, are not signed', async () => {
  const { sign, signatures, context, happened, freshSignIns, system } = await withSignIns(1);
  const request = { meaning: 'approval', throughRevision: 0, documents: [], reason: null } as const;
  const nowhere = signatures.apply('11111111-1111-4111-8111-999999999999', request, rita, context());
  await expect(nowhere).rejects.toThrow(NotFound);
  await expect(sign(rita, { throughRevision: 7 })).rejects.toThrow(/expected at most 1/);
  await happened({ type: 'StepCompleted', data: { artifacts: 'all' } }, system);
  await expect(sign()).rejects.toThrow(HistoryUnreadable);
  expect(freshSignIns.used).toBe(0);
});

test('without a provider every sign-in is refused', async () => {
  await expect(new SessionFreshSignIns(null).consume(rita, 'sign:x')).rejects.toThrow(/AUTH=oidc/);
});
