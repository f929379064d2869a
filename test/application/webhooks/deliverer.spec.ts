/** What an instance does with a claim, whatever breaks around it. */
import { randomUUID } from 'node:crypto';
import { LogUnavailable } from '../../../src/application/log/event-log.js';
import { DEFAULT_WEBHOOK_PACE, type WebhookLimits } from '../../../src/application/webhooks/limits.js';
import { WebhookDeliverer } from '../../../src/application/webhooks/webhook-deliverer.js';
import {
  WebhookQueue,
  type ClaimLimits,
  type Claimed,
  type DeliveryOutcome,
} from '../../../src/application/webhooks/webhook-queue.js';
import { WebhookSender, type Answered, type Posted } from '../../../src/application/webhooks/message.js';
import { SystemIds } from '../../../src/infrastructure/system/clock-and-ids.js';
import { InMemoryEventLog } from '../../../src/testing/in-memory.event-log.js';
import { VirtualClock } from '../../../src/testing/virtual-clock.js';

const LIMITS: WebhookLimits = {
  ...{ subscriptions: 10, secrets: 5, attempts: 2, attemptsPerTarget: 2, timeoutMs: 1_000, queued: 100 },
  ...{ slowMs: 300, slowAttempts: 1, silentAttempts: 1 },
  ...{ bodyBytes: 10_000, keepMs: 1_000, keepRows: 100, backOff: { firstMs: 5_000, giveUpMs: 86_400_000 } },
};
const ANSWER: Answered = {
  statusCode: 204,
  error: null,
  responseExcerpt: null,
  retryAfterMs: null,
  durationMs: 1,
  isLate: false,
};

/** Deliveries that are due, each until it is finished or released. */
class DueDeliveries extends WebhookQueue {
  readonly due: Claimed[] = [];
  readonly asked: ClaimLimits[] = [];
  readonly ended: [string, DeliveryOutcome | number][] = [];
  begin = async () => undefined;
  tryLead = async () => null;
  async claim(limits: ClaimLimits) {
    this.asked.push(limits);
    const room = { true: limits.mostSilent, false: limits.most };
    const mine = this.due.filter(({ receiver }) => room[`${receiver === 'silent'}`]-- > 0);
    for (const each of mine) this.due.splice(this.due.indexOf(each), 1);
    return mine;
  }
  readonly rests: number[] = [];
  async finish(claimed: Claimed, _report: unknown, outcome: DeliveryOutcome, restMs = 0) {
    this.ended.push([claimed.stream, outcome]);
    this.rests.push(restMs);
  }
  /** Deliveries whose claim has passed to another instance. */
  readonly passedOn = new Set<string>();
  async holds({ deliveryId }: Claimed) {
    return !this.passedOn.has(deliveryId);
  }
  async release(claimed: Claimed, pauseMs: number) {
    this.ended.push([claimed.stream, pauseMs]);
  }
}

class Receivers extends WebhookSender {
  readonly posted: Posted[] = [];
  answer: (posted: Posted) => Promise<Answered> = async () => ANSWER;
  refusalOf = () => null;
  post(posted: Posted) {
    this.posted.push(posted);
    return this.answer(posted);
  }
}

class LogThatMayBeAway extends InMemoryEventLog {
  isAway = false;
  override async readPage(...asked: Parameters<InMemoryEventLog['readPage']>) {
    if (this.isAway) throw new LogUnavailable('away');
    return super.readPage(...asked);
  }
}

let clock: VirtualClock;
let queue: DueDeliveries;
let sender: Receivers;
let log: LogThatMayBeAway;
let disabled: unknown[];
let errors: string[];
let mayDisable: boolean;
let deliverer: WebhookDeliverer;

beforeEach(async () => {
  [clock, queue, sender, log] = [new VirtualClock(), new DueDeliveries(), new Receivers(), new LogThatMayBeAway()];
  [disabled, errors, mayDisable] = [[], [], true];
  deliverer = new WebhookDeliverer({ log, queue, sender, clock, ids: new SystemIds() }, LIMITS, DEFAULT_WEBHOOK_PACE, {
    disable: async (...told) => {
      if (!mayDisable) throw new LogUnavailable('away');
      disabled.push(told);
    },
    onError: (message) => errors.push(message),
  });
  for (const stream of ['workflow-a', 'workflow-b', 'workflow-c'])
    await log.append(stream, [{ id: randomUUID(), type: 'StepStarted', data: {}, metadata: {} }], 'none');
  deliverer.start();
});
afterEach(async () => {
  const stopped = deliverer.stop();
  await clock.pass(10_000);
  await stopped;
});

const due = (stream: string, more: Partial<Claimed> = {}) =>
  queue.due.push({
    ...{ deliveryId: `d-${stream}`, webhookId: 'w', url: 'https://example.com/', secrets: ['whsec_Zmlyc3Q='], stream },
    receiver: 'answering',
    ...{ revision: 0n, position: 1n, attempts: 0, ageMs: 0, token: 't' },
    ...more,
  });
const look = () => clock.pass(DEFAULT_WEBHOOK_PACE.pollMs);

test('what is due is sent under its id and recorded', async () => {
  due('workflow-a');
  await look();
  expect(sender.posted).toMatchObject([{ url: 'https://example.com/', headers: { 'webhook-id': 'd-workflow-a' } }]);
  expect(queue.ended).toEqual([['workflow-a', { state: 'delivered' }]]);
});

test('no more are sent at once than may be; the next when one is through, without waiting', async () => {
  const through: (() => void)[] = [];
  sender.answer = () => new Promise((resolve) => through.push(() => resolve(ANSWER)));
  for (const stream of ['workflow-a', 'workflow-b', 'workflow-c']) due(stream);
  await look();
  expect(sender.posted).toHaveLength(2);
  through[0]!();
  await clock.pass(0);
  expect(sender.posted).toHaveLength(3);
  for (const each of through) each();
  await look();
  expect(queue.ended).toHaveLength(3);
  expect(queue.asked.every(({ leaseMs }) => leaseMs > LIMITS.timeoutMs)).toBe(true);
});

describe('receivers that do not answer', () => {
  let through: Map<string, () => void>;
  const posted = () => sender.posted.map(({ headers }) => headers['webhook-id']);
  beforeEach(() => {
    through = new Map();
    sender.answer = ({ headers }) =>
      new Promise((resolve) => through.set(headers['webhook-id']!, () => resolve(ANSWER)));
  });
  afterEach(() => {
    for (const answer of through.values()) answer();
  });

  test('do not keep the places that others need, as far as so many may be slow', async () => {
    for (const stream of ['workflow-a', 'workflow-b', 'workflow-c']) due(stream);
    due('workflow-c', { deliveryId: 'd-late' });
    await look();
    expect(posted()).toEqual(['d-workflow-a', 'd-workflow-b']);
    await clock.pass(LIMITS.slowMs);
    // Two are slow, of which one counts no more; when it is over, the other does not.
    expect(posted()).toEqual(['d-workflow-a', 'd-workflow-b', 'd-workflow-c']);
    through.get('d-workflow-a')!();
    await clock.pass(0);
    expect(posted().slice(3)).toEqual(['d-late']);
  });

  test('and did not answer the last time share places of their own', async () => {
    due('workflow-a', { receiver: 'silent' });
    due('workflow-b', { receiver: 'silent' });
    due('workflow-c', { receiver: 'unknown' });
    due('workflow-c', { deliveryId: 'd-late' });
    await look();
    expect(posted().sort()).toEqual(['d-late', 'd-workflow-a', 'd-workflow-c']);
    expect(queue.asked[0]).toMatchObject({ most: 2, mostSilent: 1 });
    through.get('d-workflow-a')!();
    await clock.pass(0);
    expect(posted()).toContain('d-workflow-b');
  });
});

test('while the log is away no attempt is counted', async () => {
  log.isAway = true;
  due('workflow-a');
  await look();
  expect([sender.posted, queue.ended]).toEqual([[], [['workflow-a', DEFAULT_WEBHOOK_PACE.leadPauseMs]]]);
  expect(errors).toHaveLength(1);
});

test('an event that is no longer in the log is given up, and no subscription is disabled for it', async () => {
  due('workflow-a', { revision: 7n });
  await look();
  expect([sender.posted, disabled]).toEqual([[], []]);
  expect(queue.ended).toEqual([['workflow-a', { state: 'failed' }]]);
});

test('an event that a log does not have yet is not given up: the node that answered stood still and is behind', async () => {
  due('workflow-a', { revision: 7n, position: 1_000n });
  await look();
  expect(sender.posted).toEqual([]);
  expect(queue.ended).toEqual([['workflow-a', DEFAULT_WEBHOOK_PACE.leadPauseMs]]);
  expect(errors).toHaveLength(1);
});

test('an event that a log has once it has moved from such a node is delivered', async () => {
  const { readPage } = log;
  let reads = 0;
  log.readPage = async (...asked) => ((reads += 1) === 1 ? [] : readPage.apply(log, asked));
  due('workflow-a');
  await look();
  expect([sender.posted.length, queue.ended.length, reads]).toEqual([1, 1, 2]);
  expect(queue.ended[0]).not.toContainEqual({ state: 'failed' });
});

test('a delivery counts as given up when its webhook is disabled, not before', async () => {
  sender.answer = async () => ({ ...ANSWER, statusCode: 500 });
  const lasting = { attempts: 19, ageMs: 86_400_000 };
  mayDisable = false;
  due('workflow-a', lasting);
  await look();
  expect([queue.ended, errors.length]).toEqual([[], 1]);
  mayDisable = true;
  due('workflow-a', lasting);
  await look();
  expect(disabled).toMatchObject([['w', 'lasting_failure', expect.stringContaining('20 attempts')]]);
  expect(queue.ended).toEqual([['workflow-a', { state: 'failed' }]]);
  // The queue learns from the log that it is disabled: nothing that waits behind is sent before.
  expect(queue.rests).toEqual([10_000]);
});

test('an instance that stood still after an answer disables no subscription for it: another instance has the delivery', async () => {
  sender.answer = async () => ({ ...ANSWER, statusCode: 410 });
  due('workflow-a');
  queue.passedOn.add('d-workflow-a');
  await look();
  expect([sender.posted.length, disabled, queue.ended]).toEqual([1, [], []]);
});

test('an instance that stood still before it sends does not send: another may have done it', async () => {
  const { readPage } = log;
  let letGo: () => void = () => undefined;
  log.readPage = async (...asked) => {
    await new Promise<void>((resolve) => (letGo = resolve));
    return readPage.apply(log, asked);
  };
  due('workflow-a');
  await look();
  await clock.pass(DEFAULT_WEBHOOK_PACE.graceMs + 1);
  letGo();
  await look();
  expect(sender.posted).toEqual([]);
});

test('what is under way when the instance ends is given back', async () => {
  const aborted = { ...ANSWER, statusCode: null, error: 'aborted' };
  sender.answer = ({ signal }) =>
    new Promise((resolve) => signal.addEventListener('abort', () => resolve(aborted), { once: true }));
  due('workflow-a');
  await look();
  await deliverer.stop();
  expect(queue.ended).toEqual([['workflow-a', 0]]);
});
