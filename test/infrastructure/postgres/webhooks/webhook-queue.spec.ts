/** What subscribers are owed, on real Postgres: made once, sent in order, by several instances. */
import { randomUUID } from 'node:crypto';
import type { DataSource } from 'typeorm';
import type { Json } from '../../../../src/domain/json.js';
import { webhookDeliveryId } from '../../../../src/application/log/ids.js';
import { DEFAULT_WEBHOOK_PACE } from '../../../../src/application/webhooks/limits.js';
import { WebhookFollower } from '../../../../src/application/webhooks/webhook-follower.js';
import type {
  AttemptReport,
  Claimed,
  QueueLease,
  QueueStep,
  ReceiverState,
} from '../../../../src/application/webhooks/webhook-queue.js';
import type { RecordedEvent } from '../../../../src/application/log/event-log.js';
import { DEFAULT_LEASE_LIMITS } from '../../../../src/infrastructure/postgres/session/lease.js';
import { PostgresWebhookQueue } from '../../../../src/infrastructure/postgres/webhooks/postgres-webhook-queue.js';
import { PostgresWebhookStore } from '../../../../src/infrastructure/postgres/webhooks/postgres-webhook-store.js';
import { SystemClock, SystemIds } from '../../../../src/infrastructure/system/clock-and-ids.js';
import { eventually } from '../../../support/eventually.js';
import { InMemoryEventLog } from '../../../../src/testing/in-memory.event-log.js';
import { empty, openTables, type TestTables } from '../read-tables.js';

const QUEUED = 50;
const AT = '2026-01-02T03:04:05.678Z';
const SAID = { actor: { type: 'user', id: 'ann' }, reason: null, at: AT };
const CLAIM = { most: 100, reserved: 0, mostSilent: 100, perTarget: 100, leaseMs: 60_000 };
const REPORT: AttemptReport = { statusCode: 204, error: null, responseExcerpt: null, durationMs: 5, isLate: false };

let tables: TestTables;
let dataSource: DataSource;
let queue: PostgresWebhookQueue;
let store: PostgresWebhookStore;
let log: InMemoryEventLog;
const followers: WebhookFollower[] = [];

beforeAll(async () => {
  tables = await openTables();
  ({ dataSource } = tables);
  queue = new PostgresWebhookQueue(dataSource, { ...DEFAULT_LEASE_LIMITS, queued: QUEUED });
  store = new PostgresWebhookStore(dataSource);
});
beforeEach(() => {
  log = new InMemoryEventLog();
});
afterEach(async () => {
  await Promise.all(followers.splice(0).map((each) => each.stop()));
  await empty(dataSource);
});
afterAll(() => tables.close());

const append = async (stream: string, ...types: string[]) => {
  const { revision } = await log.read(stream);
  const events = types.map((type) => ({ id: randomUUID(), type, data: { projectId: 'p-1' }, metadata: {} }));
  await log.append(stream, events, revision);
};

const subscribe = async (filter: object = {}, more: object = {}) => {
  const id = randomUUID();
  await store.prepare(id, 'https://example.com/hook?x=1', 1_000);
  const all = { eventTypes: [], projectId: null, executionId: null, ...filter };
  const data = { ...SAID, webhookId: id, target: 'https://example.com/hook', description: null, filter: all, ...more };
  await log.append(`webhook-${id}`, [{ id: randomUUID(), type: 'WebhookSubscribed', data, metadata: {} }], 'none');
  return id;
};

const follow = (told: Partial<ConstructorParameters<typeof WebhookFollower>[2]> = {}, pace: object = {}) => {
  const errors: unknown[] = [];
  const ports = { log, queue, clock: new SystemClock(), ids: new SystemIds() };
  const follower = new WebhookFollower(
    ports,
    { ...DEFAULT_WEBHOOK_PACE, leadPauseMs: 20, batch: 3, ...pace },
    {
      overfull: async () => undefined,
      queued: () => undefined,
      onError: (_message, error) => errors.push(error),
      ...told,
    },
  );
  followers.push(follower);
  follower.start();
  return Object.assign(follower, { errors });
};

const rows = (where = 'true'): Promise<{ webhook_id: string; stream: string; revision: string; state: string }[]> =>
  dataSource.query(`select * from webhook_deliveries where ${where} order by webhook_id, position`);

const queued = (webhookId: string, stream: string, revision: number, position: number): QueueStep => {
  const recorded: RecordedEvent = {
    ...{ id: randomUUID(), type: 'StepStarted', data: {}, metadata: {}, stream, recordedAt: new Date(AT) },
    ...{ revision: BigInt(revision), position: BigInt(position) },
  };
  const id = webhookDeliveryId(webhookId, stream, recorded.revision);
  return { kind: 'deliver', webhookId, id, executionId: stream.slice('workflow-'.length), recorded };
};

/** Enabled, with deliveries of these streams in this order, to a receiver that has answered before. */
const owed = async (...streams: string[]) => {
  await queue.begin('start');
  const session = (await queue.tryLead())!;
  const webhookId = await owedMore(session, streams);
  await receiverOf(webhookId, 'answering');
  return { webhookId, session };
};

const receiverOf = (webhookId: string, state: ReceiverState) =>
  dataSource.query('update webhooks set receiver_state = $2 where id = $1', [webhookId, state]);

/** To one more subscriber, that is new. */
const owedMore = async (session: QueueLease, streams: readonly string[]): Promise<string> => {
  const webhookId = await subscribe();
  const [recorded] = (await log.read(`webhook-${webhookId}`)).events;
  const event = { type: 'WebhookSubscribed', data: recorded!.data } as Extract<QueueStep, { kind: 'change' }>['event'];
  const steps = streams.map((stream, index) => {
    const revision = streams.slice(0, index).filter((each) => each === stream).length;
    return queued(webhookId, stream, revision, 1_000 + index);
  });
  const from = await session.position();
  const to = from === 'start' ? 5_000n : from + 1n;
  await session.take([{ kind: 'change', webhookId, event, recorded: recorded! }, ...steps], from, to);
  return webhookId;
};

const place = ({ stream, revision }: Claimed) => `${stream}/${revision}`;

describe('from the log', () => {
  test('deliveries and the position move together, or not at all', async () => {
    const { webhookId, session } = await owed('workflow-a');
    await expect(session.take([queued(webhookId, 'workflow-a', 1, 6_000)], 4_999n, 6_000n)).rejects.toThrow(
      /position at 4999, another session has moved it/,
    );
    expect(await session.position()).toBe(5_000n);
    expect(await rows()).toHaveLength(1);
    await session.take([queued(webhookId, 'workflow-a', 1, 6_000)], 5_000n, 6_000n);
    // The same once more, as after a restored backup.
    await session.take([queued(webhookId, 'workflow-a', 1, 6_000)], 6_000n, 6_001n);
    expect((await rows()).map(({ revision }) => revision)).toEqual(['0', '1']);
    await session.close();
  });

  test('a subscription begins where it was made and ends where it was removed, whichever instance follows and when', async () => {
    await append('workflow-a', 'WorkflowStarted');
    await queue.begin('start');
    const [one, two] = [await subscribe(), await subscribe({ eventTypes: ['Step*'] })];
    await append('workflow-a', 'StepStarted', 'StepCompleted');
    await append('agent-x', 'AgentHeld');
    await append('workflow-b', 'WorkflowStarted', 'StepStarted');
    const { revision } = await log.read(`webhook-${two}`);
    const removed = { id: randomUUID(), type: 'WebhookRemoved', data: SAID, metadata: {} };
    await append('workflow-b', 'StepCompleted');
    await log.append(`webhook-${two}`, [removed], revision);
    await append('workflow-b', 'StepStarted');
    const [first, second] = [follow(), follow()];
    await eventually(async () => expect(await rows()).toHaveLength(6));
    expect((await rows()).map(({ stream, revision: at }) => `${stream}/${at}`)).toEqual([
      ...['workflow-a/1', 'workflow-a/2'],
      ...['workflow-b/0', 'workflow-b/1', 'workflow-b/2', 'workflow-b/3'],
    ]);
    expect((await store.list()).map(({ id, queued: waiting }) => [id, waiting])).toEqual([[one, 6]]);
    expect([...first.errors, ...second.errors]).toEqual([]);
  });

  test('whatever an event of a subscription holds, the follower takes in those after it', async () => {
    await queue.begin('start');
    const id = await subscribe({ eventTypes: ['a\0*', 'Step*'], projectId: null });
    const odd = { ...SAID, reason: 'a\0b\ud800', actor: { type: 'user', id: '\0' } };
    const appended: { type: string; data: Record<string, Json> }[] = [
      { type: 'WebhookDisabled', data: { ...odd, cause: 'operator', at: 'Fri, 02 Jan 2026 03:04:05 GMT' } },
      { type: 'WebhookEnabled', data: odd },
      { type: 'WebhookSecretRotated', data: { ...odd, secretId: 'no\0ne', overlapMs: Number.MAX_SAFE_INTEGER } },
      { type: 'WebhookSecretRotated', data: { secretId: 7 } },
      { type: 'WebhookDreamt', data: {} },
      { type: 'WebhookDisabled', data: { ...odd, cause: 'operator' } },
    ];
    const events = appended.map((each) => ({ id: randomUUID(), metadata: {}, ...each }));
    await log.append(`webhook-${id}`, events, 0n);
    await log.append('webhook-\0', [{ id: randomUUID(), type: 'WebhookEnabled', data: odd, metadata: {} }], 'none');
    const other = await subscribe();
    const { errors } = follow();
    await append('workflow-\0', 'Step\0');
    await eventually(async () => expect(await rows()).toMatchObject([{ webhook_id: other, event_type: 'Step\uFFFD' }]));
    expect(await store.find(id)).toMatchObject({ status: 'disabled', disabled: { reason: 'a\uFFFDb\uFFFD' } });
    expect(errors).toHaveLength(1);
  });

  test('by project, also of executions that began before', async () => {
    await append('workflow-a', 'WorkflowStarted');
    await queue.begin('start');
    await subscribe({ projectId: 'p-1' });
    await subscribe({ projectId: 'p-2' });
    await append('workflow-a', 'StepStarted');
    follow();
    const made = await eventually(async () => {
      const found = await rows();
      expect(found).toHaveLength(1);
      return found;
    });
    expect(made[0]).toMatchObject({ stream: 'workflow-a', revision: '1' });
  });

  test('by the projects of the creator, also after another instance has taken over', async () => {
    await append('workflow-a', 'WorkflowStarted');
    await queue.begin('start');
    const [mine, others] = [await subscribe({}, { projects: ['p-*'] }), await subscribe({}, { projects: ['q-*'] })];
    const first = follow();
    await eventually(async () => expect([await store.find(mine), await store.find(others)]).not.toContain(null));
    await first.stop();
    await append('workflow-a', 'StepStarted');
    follow();
    const made = await eventually(async () => {
      const found = await rows();
      expect(found).toHaveLength(1);
      return found;
    });
    expect(made[0]).toMatchObject({ webhook_id: mine, revision: '1' });
    expect(await store.reachOf(others)).toEqual({ projectId: null, projects: ['q-*'] });
    expect(await store.reachOf(randomUUID())).toBeNull();
  });

  test('two instances, and the leading session is ended again and again: each event once, none missing', async () => {
    await queue.begin('start');
    const id = await subscribe();
    follow();
    follow();
    let isOver = false;
    const killing = (async () => {
      while (!isOver) {
        await dataSource.query(`select pg_terminate_backend(pid) from pg_stat_activity
          where application_name = 'workflow-executor-webhooks' and datname = current_database()`);
        await new Promise((resolve) => setTimeout(resolve, 25));
      }
    })();
    for (let index = 0; index < 40; index++) {
      await append(`workflow-${index % 4}`, 'StepStarted');
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    isOver = true;
    await killing;
    await eventually(async () => expect(await rows()).toHaveLength(40));
    const expected = [0, 1, 2, 3].flatMap((stream) =>
      Array.from({ length: 10 }, (_, at) => `workflow-${stream}/${at}`),
    );
    expect((await rows()).map(({ stream, revision }) => `${stream}/${revision}`).sort()).toEqual(expected.sort());
    expect((await rows()).every(({ webhook_id }) => webhook_id === id)).toBe(true);
  });

  test('the follower queues no more than may wait, and asks for the subscription to be disabled until it is', async () => {
    await queue.begin('start');
    const id = await subscribe();
    const overfull: string[] = [];
    let mayDisable = false;
    const disable = async (webhookId: string) => {
      overfull.push(webhookId);
      if (!mayDisable) throw new Error('the log is away');
      const { revision } = await log.read(`webhook-${webhookId}`);
      const data = { ...SAID, cause: 'queue_full' };
      await log.append(
        `webhook-${webhookId}`,
        [{ id: randomUUID(), type: 'WebhookDisabled', data, metadata: {} }],
        revision,
      );
    };
    follow({ overfull: disable });
    for (let index = 0; index < QUEUED + 20; index++) await append('workflow-a', 'StepStarted');
    await eventually(() => expect(overfull.length).toBeGreaterThan(0));
    await eventually(async () => expect(await rows()).toHaveLength(QUEUED));
    // The instance ends before it could: the next one does it.
    await Promise.all(followers.splice(0).map((each) => each.stop()));
    mayDisable = true;
    follow({ overfull: disable });
    await eventually(async () => expect((await store.find(id))?.disabled?.cause).toBe('queue_full'));
    await append('workflow-b', 'StepStarted');
    expect(await rows()).toHaveLength(QUEUED);
  });
});

describe('to receivers', () => {
  test('of an execution the oldest, of several side by side; the next when it is over', async () => {
    const { session } = await owed('workflow-a', 'workflow-a', 'workflow-b', 'workflow-a');
    const claimed = await queue.claim(CLAIM, randomUUID());
    expect(claimed.map(place).sort()).toEqual(['workflow-a/0', 'workflow-b/0']);
    expect(claimed[0]).toMatchObject({ url: 'https://example.com/hook?x=1', attempts: 0, ageMs: 0 });
    expect(await queue.claim(CLAIM, randomUUID())).toEqual([]);
    const [a, b] = [...claimed].sort((one, two) => (place(one) < place(two) ? -1 : 1));
    await queue.finish(a!, { ...REPORT, statusCode: 500 }, { state: 'pending', pauseMs: 0 });
    await queue.finish(b!, REPORT, { state: 'delivered' });
    const [again, ...none] = await queue.claim(CLAIM, randomUUID());
    expect([place(again!), again!.attempts, none]).toEqual(['workflow-a/0', 1, []]);
    expect(again!.ageMs).toBeGreaterThanOrEqual(5);
    await queue.finish(again!, REPORT, { state: 'failed' });
    const [next] = await queue.claim(CLAIM, randomUUID());
    expect(place(next!)).toBe('workflow-a/1');
    await session.close();
  });

  test('a pause is kept, and seen', async () => {
    const { webhookId, session } = await owed('workflow-a', 'workflow-a');
    const [claimed] = await queue.claim(CLAIM, randomUUID());
    await queue.finish(claimed!, { ...REPORT, statusCode: 503, error: 'a\0b' }, { state: 'pending', pauseMs: 60_000 });
    expect(await queue.claim(CLAIM, randomUUID())).toEqual([]);
    const { rows: shown } = await store.deliveries(webhookId, { state: null, cursor: null, limit: 10 });
    expect(shown.map(({ revision, nextAttemptAt }) => [revision, nextAttemptAt === null])).toEqual([
      ['1', true],
      ['0', false],
    ]);
    expect(shown[1]).toMatchObject({ attempts: 1, statusCode: 503, error: 'a\uFFFDb', state: 'pending' });
    await session.close();
  });

  test('an instance that does not report in time loses the claim, and its report changes nothing', async () => {
    const { session } = await owed('workflow-a', 'workflow-a');
    const [lost] = await queue.claim({ ...CLAIM, leaseMs: 0 }, randomUUID());
    const [held] = await queue.claim(CLAIM, randomUUID());
    expect(place(held!)).toBe(place(lost!));
    await queue.finish(lost!, REPORT, { state: 'delivered' });
    await queue.release(lost!, 0);
    expect((await rows(`state = 'pending'`)).length).toBe(2);
    expect(await queue.claim(CLAIM, randomUUID())).toEqual([]);
    await queue.release(held!, 0);
    expect((await queue.claim(CLAIM, randomUUID())).map(place)).toEqual(['workflow-a/0']);
    await session.close();
  });

  test('many instances at once: no execution twice, and of one receiver no more than may be', async () => {
    const streams = Array.from({ length: 20 }, (_, index) => `workflow-${index}`);
    const { session } = await owed(...streams, ...streams);
    const claim = () => queue.claim({ ...CLAIM, most: 3, perTarget: 7 }, randomUUID());
    const claimed = (await Promise.all(Array.from({ length: 8 }, claim))).flat();
    expect(claimed).toHaveLength(7);
    expect(new Set(claimed.map(({ stream }) => stream)).size).toBe(7);
    const sent: string[] = [];
    const worker = async () => {
      for (let idle = 0; idle < 20;) {
        const mine = await claim();
        idle = mine.length === 0 ? idle + 1 : 0;
        for (const each of mine) {
          sent.push(place(each));
          await queue.finish(each, REPORT, { state: 'delivered' });
        }
      }
    };
    for (const each of claimed) await queue.release(each, 0);
    await Promise.all([worker(), worker(), worker()]);
    expect([...sent].sort()).toEqual(
      [...streams.map((each) => `${each}/0`), ...streams.map((each) => `${each}/1`)].sort(),
    );
    for (const stream of streams) expect(sent.indexOf(`${stream}/0`)).toBeLessThan(sent.indexOf(`${stream}/1`));
    expect(await dataSource.query('select from webhook_lanes')).toEqual([]);
    await session.close();
  });

  describe('that hang', () => {
    const streams = ['workflow-a', 'workflow-b', 'workflow-c'];
    const claimed = async (limits: object = {}) => {
      const all = await queue.claim({ ...CLAIM, ...limits }, randomUUID());
      return { all, of: (webhookId: string) => all.filter((each) => each.webhookId === webhookId) };
    };
    const late: AttemptReport = { ...REPORT, statusCode: null, isLate: true };

    test('get one delivery at a time until they answer, and all they may have from then on', async () => {
      const { session } = await owed();
      const webhookId = await owedMore(session, streams);
      const [only, ...none] = (await claimed()).all;
      expect([only!.receiver, none]).toEqual(['unknown', []]);
      expect((await claimed()).all).toEqual([]);
      // Refused is neither an answer nor a hanging one.
      await queue.finish(only!, { ...REPORT, statusCode: null }, { state: 'pending', pauseMs: 0 });
      const [again, ...more] = (await claimed()).all;
      expect([again!.receiver, more]).toEqual(['unknown', []]);
      await queue.finish(again!, { ...REPORT, statusCode: 500 }, { state: 'pending', pauseMs: 0 });
      const three = (await claimed()).of(webhookId);
      expect(three.map(({ receiver }) => receiver)).toEqual(Array(3).fill('answering'));
      for (const each of three) await queue.finish(each, late, { state: 'pending', pauseMs: 0 });
      const [silent, ...others] = (await claimed()).all;
      expect([silent!.receiver, others]).toEqual(['silent', []]);
      await queue.finish(silent!, REPORT, { state: 'delivered' });
      expect((await claimed()).of(webhookId)).toHaveLength(2);
      await session.close();
    });

    test('have places of their own, in turns, and take none of the others', async () => {
      const { webhookId: healthy, session } = await owed(...streams);
      const [one, two] = [await owedMore(session, streams), await owedMore(session, streams)];
      for (const each of [one, two]) await receiverOf(each, 'silent');
      const first = await claimed({ most: 2, mostSilent: 1 });
      expect([first.of(healthy).length, first.all.length]).toEqual([2, 3]);
      const tried = first.all.find(({ receiver }) => receiver === 'silent')!;
      await queue.finish(tried, late, { state: 'pending', pauseMs: 0 });
      const other = tried.webhookId === one ? two : one;
      const second = await claimed({ most: 0, mostSilent: 1 });
      expect(second.all.map(({ webhookId }) => webhookId)).toEqual([other]);
      await queue.finish(second.all[0]!, late, { state: 'pending', pauseMs: 0 });
      expect((await claimed({ most: 0, mostSilent: 1 })).all.map(({ webhookId }) => webhookId)).toEqual([
        tried.webhookId,
      ]);
      await session.close();
    });

    test('leave the places that are kept for receivers with nothing under way', async () => {
      const { webhookId: busy, session } = await owed(...streams);
      const other = await owedMore(session, streams);
      await receiverOf(other, 'answering');
      const first = await claimed({ most: 3, reserved: 2 });
      expect([first.of(busy).length, first.of(other).length]).toEqual([1, 1]);
      expect((await claimed({ most: 2, reserved: 2 })).all).toEqual([]);
      expect((await claimed({ most: 3, reserved: 2 })).all).toHaveLength(1);
      await session.close();
    });

    test('begin anew when they are enabled again', async () => {
      const { webhookId, session } = await owed(...streams);
      await receiverOf(webhookId, 'silent');
      const change = (type: 'WebhookDisabled' | 'WebhookEnabled', revision: bigint): QueueStep => {
        const event = { type, data: { ...SAID, cause: 'operator' } } as Extract<QueueStep, { kind: 'change' }>['event'];
        const recorded = { revision } as RecordedEvent;
        return { kind: 'change', webhookId, event, recorded };
      };
      await session.take([change('WebhookDisabled', 1n), change('WebhookEnabled', 2n)], 5_000n, 5_001n);
      expect((await claimed({ mostSilent: 0 })).all.map(({ receiver }) => receiver)).toEqual(['unknown']);
      await session.close();
    });
  });

  test('events that come while the last one is finished are not left lying', async () => {
    const { webhookId, session } = await owed('workflow-a');
    let [claimed] = await queue.claim(CLAIM, randomUUID());
    for (let revision = 1; revision <= 30; revision++) {
      const at = BigInt(5_000 + revision);
      await Promise.all([
        queue.finish(claimed!, REPORT, { state: 'delivered' }),
        session.take([queued(webhookId, 'workflow-a', revision, Number(at))], at - 1n, at),
      ]);
      [claimed] = await queue.claim(CLAIM, randomUUID());
      expect(place(claimed!)).toBe(`workflow-a/${revision}`);
    }
    await session.close();
  });

  test('what follows rests as long as the report says, or until it is due again', async () => {
    const { webhookId, session } = await owed('workflow-a', 'workflow-a');
    const [first] = await queue.claim(CLAIM, randomUUID());
    await queue.finish(first!, REPORT, { state: 'failed' }, 60_000);
    expect(await queue.claim(CLAIM, randomUUID())).toEqual([]);
    await dataSource.query('update webhook_lanes set next_attempt_at = clock_timestamp() where webhook_id = $1', [
      webhookId,
    ]);
    expect((await queue.claim(CLAIM, randomUUID())).map(place)).toEqual(['workflow-a/1']);
    await session.close();
  });

  test('what is asked for again comes before what waits behind it', async () => {
    const { webhookId, session } = await owed('workflow-a', 'workflow-a');
    const [first] = await queue.claim(CLAIM, randomUUID());
    await queue.finish(first!, REPORT, { state: 'failed' });
    const again = await store.redeliver(webhookId, first!.deliveryId);
    expect(again).toMatchObject({ state: 'pending', attempts: 0, finishedAt: null });
    expect((await queue.claim(CLAIM, randomUUID())).map(place)).toEqual(['workflow-a/0']);
    expect(await store.redeliver(randomUUID(), first!.deliveryId)).toBeNull();
    await session.close();
  });

  test('what is over is forgotten by age and by number, what waits is not', async () => {
    const { session } = await owed(...Array.from({ length: 10 }, (_, index) => `workflow-${index}`));
    const claimed = await queue.claim(CLAIM, randomUUID());
    for (const each of claimed.slice(0, 8)) await queue.finish(each, REPORT, { state: 'delivered' });
    await dataSource.query(`update webhook_deliveries set finished_at = now() - interval '2 days' where id = any($1)`, [
      claimed.slice(0, 3).map(({ deliveryId }) => deliveryId),
    ]);
    const DAY = 86_400_000;
    expect(await store.forget({ keepMs: DAY, keepRows: 100, batch: 2 })).toBe(2);
    expect(await store.forget({ keepMs: DAY, keepRows: 100, batch: 2 })).toBe(1);
    expect(await rows(`state = 'delivered'`)).toHaveLength(5);
    // All at one time: their number counts all the same.
    await dataSource.query(`update webhook_deliveries set finished_at = now() where state = 'delivered'`);
    expect(await store.forget({ keepMs: DAY, keepRows: 2, batch: 100 })).toBe(3);
    const left = await rows();
    expect(left.filter(({ state }) => state === 'delivered')).toHaveLength(2);
    expect(left.filter(({ state }) => state === 'pending')).toHaveLength(2);
    await session.close();
  });
});

test('there are as many subscriptions as may be, and a repeat finds its secret', async () => {
  const [one, two] = [randomUUID(), randomUUID()];
  const secret = await store.prepare(one, 'https://example.com/', 1);
  expect(await store.prepare(two, 'https://example.com/', 1)).toBeNull();
  expect(await store.prepare(one, 'https://example.com/', 1)).toBe(secret);
  expect(await store.find(one)).toBeNull();
  const more = await Promise.all(
    Array.from({ length: 6 }, () => store.prepareSecret(one, randomUUID(), { most: 3, endsOthers: false })),
  );
  expect(more.filter((each) => each !== null)).toHaveLength(2);
  // One that ends the others is always made; those that never came to sign do not pile up.
  for (let round = 0; round < 10; round++)
    expect(await store.prepareSecret(one, randomUUID(), { most: 3, endsOthers: true })).not.toBeNull();
  const kept = await dataSource.query('select from webhook_secrets where webhook_id = $1', [one]);
  expect(kept).toHaveLength(1 + 3);
});
