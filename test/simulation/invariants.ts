/** The invariants, a function for each, which returns its violations in words. */
import type { RecordedEvent } from '../../src/application/log/event-log.js';
import { contentOf, eventHash, linkOf, type ChainLink, hashOf } from '../../src/application/log/event-hash.js';
import { eventId } from '../../src/application/log/ids.js';
import { type Answered, type Asked, outputFor } from './agents.js';
import type { Acknowledged } from './clients.js';
import { TASK_FAILED } from './tasks.js';
import { currentOf, isDone, isFinal, type Moment } from './model.js';

/** One execution's history, and what clients and agents recorded about it. */
type Facts = Readonly<{
  executionId: string;
  moments: readonly Moment[];
  acknowledged: readonly Acknowledged[];
  asked: readonly Asked[];
  answered: readonly Answered[];
  effects: ReadonlyMap<string, string>;
}>;

type Invariant = (facts: Facts) => readonly string[];

const at = ({ event }: Moment) => `revision ${event.revision} ${event.type}`;
const where = (moments: readonly Moment[], isWrong: (moment: Moment, index: number) => boolean, what: string) =>
  moments.filter(isWrong).map((moment) => `${at(moment)}: ${what}`);
const key = ({ executionId, step, attempt }: Pick<Asked, 'executionId' | 'step' | 'attempt'>) =>
  `${executionId} ${step} ${attempt}`;

/** Every event that the answer to an accepted command names is in the log, at the revision of the answer. */
const I1: Invariant = ({ acknowledged, moments }) =>
  acknowledged.flatMap(({ verb, outcome }) => {
    const first = Number(outcome.revision) - outcome.appended.length + 1;
    return outcome.appended
      .filter(({ id }, index) => moments[first + index]?.event.id !== id)
      .map(
        ({ event }) => `the answer to an accepted ${verb} names ${event.type}, which is not in the log at its place`,
      );
  });

/** Every start that was accepted has a stream that begins with WorkflowStarted. */
const I2: Invariant = ({ acknowledged, moments }) =>
  acknowledged.some(({ verb }) => verb === 'start') && moments[0]?.event.type !== 'WorkflowStarted'
    ? [`its start was accepted, its stream begins with ${moments[0]?.event.type ?? 'nothing'}`]
    : [];

/** Every event names its execution, its command, and a cause that is in the log or is that command. */
const I3: Invariant = ({ executionId, moments }) => {
  const ids = new Set(moments.map(({ event }) => event.id));
  const isWrong = ({ metadata: { commandId, $correlationId, $causationId } }: Moment) =>
    $correlationId !== executionId || !commandId || !($causationId === commandId || ids.has($causationId));
  return where(moments, isWrong, 'its command, correlation or cause does not resolve');
};

/** No instance calls an agent for an attempt whose StepStarted is not in the log at that moment. */
const I4: Invariant = ({ asked }) =>
  asked
    .filter(({ isClaimed }) => !isClaimed)
    .map(({ step, attempt, machine }) => `${machine} asked the agent of ${step}, attempt ${attempt}, without a claim`);

/** A step's generation has one key and so one effect, and one StepCompleted, which records that effect. */
const I5: Invariant = ({ moments, effects, asked }) => {
  const completed = moments.filter(({ event }) => event.type === 'StepCompleted');
  const of = ({ data }: Moment) => `${data.step} ${data.generation}`;
  const twice = where(
    completed,
    (moment, index) => completed.findIndex((it) => of(it) === of(moment)) !== index,
    'twice',
  );
  const starts = moments.filter(({ event }) => event.type === 'StepStarted');
  const keys = new Map(starts.map(({ data }) => [`${data.step} ${data.attempt}`, data]));
  const wrongKeys = asked
    .filter(({ step, attempt, key }) => keys.get(`${step} ${attempt}`)?.idempotencyKey !== key)
    .map(({ step, attempt }) => `${step}, attempt ${attempt} was asked for under another key than it was claimed with`);
  const several = starts.filter((start) =>
    starts.some((other) => of(other) === of(start) && other.data.idempotencyKey !== start.data.idempotencyKey),
  );
  const shared = starts.filter((start) =>
    starts.some((other) => of(other) !== of(start) && other.data.idempotencyKey === start.data.idempotencyKey),
  );
  const unfounded = where(
    completed,
    ({ data }) => {
      const effect = effects.get(keys.get(`${data.step} ${data.attempt}`)?.idempotencyKey ?? '');
      const { idempotencyKey = '' } = keys.get(`${data.step} ${data.attempt}`) ?? {};
      const known = [false, true].map((isLarge) => hashOf(outputFor(idempotencyKey, data.step, isLarge)));
      const isReference = typeof data.output[data.step] === 'object';
      return !effect || !(isReference || known.includes(hashOf(data.output as never)));
    },
    'its effect did not happen, or is another effect',
  );
  return [
    ...twice,
    ...wrongKeys,
    ...several.map((moment) => `${at(moment)}: its generation has another key too`),
    ...shared.map((moment) => `${at(moment)}: its key is that of another step or generation too`),
    ...unfounded,
  ];
};

/** States follow the definition's order, percent falls only by a retry, and nothing comes after a final event. */
const I6: Invariant = ({ moments }) => [
  ...where(moments, ({ before }) => isFinal(before), 'it comes after the end'),
  ...where(
    moments,
    ({ before, event }) =>
      before.status === 'failed' && event.type !== 'StepRetryRequested' && event.type !== 'WorkflowCancelled',
    'it comes after the failure',
  ),
  ...where(
    moments,
    ({ metadata }, index) =>
      metadata.summary.percentComplete < (moments[index - 1]?.metadata.summary.percentComplete ?? 0) &&
      moments[index]!.event.type !== 'StepRetryRequested',
    'percent_complete falls',
  ),
  ...where(
    moments,
    ({ event, after }) => event.type === 'WorkflowCompleted' && after.steps.some((step) => !isDone(step)),
    'steps are left',
  ),
  ...where(moments, ({ event }, index) => (event.type === 'WorkflowStarted') !== (index === 0), 'not at its place'),
  ...where(
    moments,
    ({ event, before, data }) =>
      event.type === 'StepSkipped' &&
      before.steps.some(({ id, definition }) => id === data.stepId && definition.required),
    'the step is required',
  ),
];

/** A step starts only when all earlier steps are completed or skipped, and only if the execution may run it. */
const I7: Invariant = ({ moments }) =>
  where(
    moments,
    ({ event, before, data }) =>
      event.type === 'StepStarted' &&
      (currentOf(before)?.id !== data.stepId || (before.released !== 'all' && before.released !== data.stepId)),
    'the step was not the next one, or was not to start by itself',
  );

/** Counted attempts stay within 1 + max_retries, an error that is not retryable gets no retry, and each retry waits its delay. */
const I8: Invariant = ({ moments, answered }) => {
  const replies = new Map(answered.map((reply) => [key(reply), reply]));
  const wrong: string[] = [];
  for (const moment of moments) {
    const { event, before, after, data, metadata } = moment;
    const [was, is] = [before, after].map(({ steps }) => steps.find(({ id }) => id === data.stepId));
    if (!was || !is) continue;
    const { maximumAttempts, initialIntervalMs, backoffCoefficient, maximumIntervalMs } = was.definition.retry;
    if (event.type === 'StepStarted') {
      if (is.counted > maximumAttempts)
        wrong.push(`${at(moment)}: attempt ${is.counted} of at most ${maximumAttempts}`);
      if (is.attempt !== was.attempt + 1) wrong.push(`${at(moment)}: attempt ${is.attempt} follows ${was.attempt}`);
      if (was.status === 'waiting' && Date.parse(data.startedAt) < was.until)
        wrong.push(`${at(moment)}: before its time`);
      if (was.status !== 'waiting' && was.status !== 'pending') wrong.push(`${at(moment)}: the step is ${was.status}`);
    }
    if (event.type !== 'StepFailed') continue;
    const mayRetry = data.error.type === 'transient' && was.counted < maximumAttempts;
    if (mayRetry !== (data.retryAt !== null)) {
      wrong.push(`${at(moment)}: ${data.error.type}, ${was.counted} of ${maximumAttempts}, retry at ${data.retryAt}`);
    }
    if (data.retryAt === null) continue;
    const gap = Date.parse(data.retryAt) - Date.parse(metadata.occurredAt);
    const backoff = Math.min(initialIntervalMs * backoffCoefficient ** (was.counted - 1), maximumIntervalMs);
    const reply = replies.get(key({ executionId: metadata.$correlationId, step: data.step, attempt: data.attempt }));
    const wish = ['HTTP_429', TASK_FAILED].includes(data.error.code) ? (reply?.retryAfterMs ?? 0) : 0;
    if (gap < Math.max(backoff, wish)) wrong.push(`${at(moment)}: a gap of ${gap} ms, at least ${backoff}, ${wish} ms`);
  }
  return wrong;
};

/** No step starts between paused and resumed, and at rest no step is left running. */
const I9: Invariant = ({ moments }) => [
  ...where(
    moments,
    ({ event, before }) => event.type === 'StepStarted' && before.status !== 'running',
    'a step starts in an execution that does not run',
  ),
  ...(currentOf(moments.at(-1)!.after)?.status === 'running' && !isFinal(moments.at(-1)!.after)
    ? ['at rest a step is still running: its result was not recorded']
    : []),
];

const isChained = (event: RecordedEvent, before: RecordedEvent | undefined): boolean => {
  const { hash, previousHash } = event.metadata as Partial<ChainLink>;
  return hash === eventHash(event) && previousHash === (before ? linkOf(before) : null);
};

/** Revisions have no gaps, ids are unique and follow from their command, each command counts once, each answer is true. */
const I10: Invariant = ({ executionId, moments, acknowledged }) => {
  const ids = new Set<string>();
  const perCommand = new Map<string, number>();
  const wrong = moments.flatMap((moment, index) => {
    const { event, metadata } = moment;
    const found: string[] = [];
    if (event.revision !== BigInt(index)) found.push(`${at(moment)}: expected revision ${index}`);
    if (ids.has(event.id)) found.push(`${at(moment)}: its id is there twice`);
    ids.add(event.id);
    const nth = perCommand.get(metadata.commandId) ?? 0;
    perCommand.set(metadata.commandId, nth + 1);
    if (nth > 0 && moments[index - 1]?.metadata.commandId !== metadata.commandId) {
      found.push(`${at(moment)}: its command was carried out twice`);
    }
    const before = moments[index - 1]?.event;
    if (!isChained(event, before)) found.push(`${at(moment)}: its hash does not follow from the event before`);
    const content = contentOf(event.type, hashOf(event.data as never), event.metadata);
    if (event.id !== eventId(executionId, metadata.commandId, nth, content)) {
      found.push(`${at(moment)}: its id is not that of event ${nth} of its command`);
    }
    return found;
  });
  const untrue = acknowledged.flatMap(({ verb, outcome }) => {
    const then = moments[Number(outcome.revision)]?.after;
    if (!then) return [`the answer to an accepted ${verb} names revision ${outcome.revision}, which does not exist`];
    if (outcome.appended.length > 0) return [];
    const was = { PauseWorkflow: 'paused', ResumeWorkflow: 'running', CancelWorkflow: 'cancelled' }[verb];
    const isRepeated = acknowledged.some((it) => it.verb === verb && it.outcome.appended.length > 0);
    const isKnown = isRepeated || moments.some(({ event }) => OF_VERB[verb]?.includes(event.type));
    return !was || was === then.status || isKnown ? [] : [`an accepted ${verb} found it ${then.status}`];
  });
  return [...wrong, ...untrue];
};

const OF_VERB: Readonly<Record<string, readonly string[]>> = {
  PauseWorkflow: ['WorkflowPaused'],
  ResumeWorkflow: ['WorkflowResumed'],
  CancelWorkflow: ['WorkflowCancelled'],
};

const OF_ATTEMPT = ['StepCompleted', 'StepFailed', 'StepInterrupted', 'StepDeferred', 'StepProgressed'];

/** A report counts only for the attempt that is running; a report of an attempt that is over leaves no event. */
const I11: Invariant = ({ moments }) =>
  where(
    moments,
    ({ event, before, data }) =>
      OF_ATTEMPT.includes(event.type) &&
      !before.steps.some(
        ({ id, status, attempt }) => id === data.stepId && status === 'running' && attempt === data.attempt,
      ),
    'the attempt was not running',
  );

/** The invariants of a single execution. I12, I13, I14 and I18 are in world-invariants.ts; see task-invariants.ts and holds.ts, too. */
export const invariants: Readonly<Record<string, Invariant>> = { I1, I2, I3, I4, I5, I6, I7, I8, I9, I10, I11 };
