/** Answers that come late, twice, for no append, in another order, as nonsense or never end no process and spoil no other append. */
import { randomUUID } from 'node:crypto';
import { Metadata, status } from '@grpc/grpc-js';
import shared from '@eventstore/db-client/generated/shared_pb.js';
import { AppendOutcomeUnknown, AppendRefused, LogUnavailable } from '../../../src/application/log/event-log.js';
import { EventStoreDbEventLog } from '../../../src/infrastructure/eventstore/eventstore-db.event-log.js';
import { eventually } from '../../support/eventually.js';
import {
  failure,
  nameOf,
  startScriptedServer,
  success,
  successAt,
  type BatchCall,
  type Script,
} from './scripted-server.js';

const event = () => ({ id: randomUUID(), type: 'Happened', data: {}, metadata: {} });

const script: Script = { append: () => undefined, read: (call) => call.end() };
let server: Awaited<ReturnType<typeof startScriptedServer>>;
let log: EventStoreDbEventLog;
const uncaught: unknown[] = [];
const note = (error: unknown) => void uncaught.push(error);

beforeAll(async () => {
  server = await startScriptedServer(script);
  process.on('uncaughtException', note);
  process.on('unhandledRejection', note);
});
afterAll(() => {
  process.off('uncaughtException', note);
  process.off('unhandledRejection', note);
  server.close();
});
beforeEach(() => {
  log = new EventStoreDbEventLog({ url: server.url, appendTimeoutMs: 300, appendCalls: 1, maxAppendBytes: 10_000 });
});
afterEach(async () => {
  await log.close();
  expect(uncaught).toEqual([]);
});

const append = (stream: string) => log.append(stream, [event()], 'none');

/** All further appends are answered as they should be. */
const worksOn = async () => {
  script.append = (request, call) => void call.write(success(request, 0, 7));
  expect(await append('another')).toEqual({ revision: 0n, position: 7n });
};

type Answer = Parameters<Script['append']>;

/** The library names itself. */
const isOwn = (call: BatchCall) => !String(call.metadata.get('user-agent')[0] ?? '').includes('grpc-node');

test('a server that does not say when it recorded events gets appends over the channel of the client alone', async () => {
  const calls: BatchCall[] = [];
  script.append = (request, call) => {
    calls.push(call);
    call.write(success(request));
  };
  await append('a');
  await append('b');
  expect(calls.map(isOwn)).toEqual([false, false]);
});

test('a node that says it gets the following ones over one connection, and all of a turn in one piece', async () => {
  const calls: BatchCall[] = [];
  script.append = (request, call) => {
    calls.push(call);
    call.write(successAt(1_000, request));
  };
  await append('a');
  await Promise.all(['b', 'c', 'd'].map(append));
  expect(calls.map(isOwn)).toEqual([false, true, true, true]);
  expect(new Set(calls.slice(1)).size).toBe(1);
});

describe.each([['the channel of the client'], ['an own connection']])('over %s', (way) => {
  beforeEach(async () => {
    if (way !== 'an own connection') return;
    script.append = (request, call) => call.write(successAt(1_000, request));
    await append('first');
    script.append = (request, call) => {
      expect(isOwn(call)).toBe(true);
      call.write(success(request));
    };
    await append('second');
  });

  test.each<[string, (...answer: Answer) => void]>([
    ['late', (request, call) => void setTimeout(() => call.write(success(request)), 400)],
    ['never', () => undefined],
  ])('%s: the outcome is not known, and the calls go on', async (_, answer) => {
    script.append = answer;
    await expect(append('a')).rejects.toBeInstanceOf(AppendOutcomeUnknown);
    await new Promise((resolve) => setTimeout(resolve, 200));
    await worksOn();
  });

  test('twice, also with another verdict: the first one counts', async () => {
    script.append = (request, call) => {
      call.write(success(request, 3, 9));
      call.write(success(request, 4, 10));
      call.write(failure(request, status.PERMISSION_DENIED, 'Access Denied'));
    };
    expect(await append('a')).toEqual({ revision: 3n, position: 9n });
    await worksOn();
  });

  test.each<[string, InstanceType<typeof shared.UUID> | undefined]>([
    ['of another client', new shared.UUID().setString(randomUUID())],
    ['that is no UUID', new shared.UUID().setString('no hexadecimal digits')],
    ['that is missing', undefined],
  ])('for a number %s: it is passed over', async (_, id) => {
    script.append = (request, call) => {
      call.write(success(request, 5, 11).setCorrelationId(id));
      call.write(success(request, 6, 12));
    };
    expect(await append('a')).toEqual({ revision: 6n, position: 12n });
  });

  test('in another order: each append gets its own', async () => {
    const held: Answer[] = [];
    script.append = (...answer) => {
      held.push(answer);
      if (held.length < 3) return;
      for (const [request, call] of held.toReversed()) call.write(success(request, Number(nameOf(request)), 1));
    };
    const all = await Promise.all(['1', '2', '3'].map(append));
    expect(all.map(({ revision }) => revision)).toEqual([1n, 2n, 3n]);
  });

  test('not ready and busy: certainly not kept, and the other appends of the call are not touched', async () => {
    script.append = (request, call) =>
      call.write(nameOf(request) === 'busy' ? failure(request, 0, 'Server Is Busy') : success(request));
    const [busy, other] = await Promise.allSettled([append('busy'), append('other')]);
    expect(busy).toMatchObject({ status: 'rejected', reason: expect.any(LogUnavailable) });
    expect(other.status).toBe('fulfilled');
  });

  const end = (call: BatchCall, code: number, details: string) =>
    call.emit('error', { code, details, metadata: new Metadata() });

  test.each<[string, (...answer: Answer) => void, new (...given: never[]) => Error]>([
    ['bytes that are no message', (_, call) => void call.write(Buffer.from([0x0a, 0xff, 1])), AppendOutcomeUnknown],
    ['the end of the call', (_, call) => void call.end(), AppendOutcomeUnknown],
    ['another leader', (_, call) => void end(call, status.NOT_FOUND, 'Leader info available'), AppendOutcomeUnknown],
    ['unknown credentials', (_, call) => void end(call, status.UNAUTHENTICATED, 'Unauthenticated'), AppendRefused],
  ])(
    '%s: the appends under way on the call end with their verdict, and a new call is opened',
    async (_, answer, verdict) => {
      script.append = answer;
      const all = await Promise.allSettled([append('a'), append('b')]);
      for (const each of all) expect(each).toMatchObject({ status: 'rejected', reason: expect.any(verdict) });
      await worksOn();
    },
  );

  test('what is larger than any server takes is not sent, and ends no call', async () => {
    let received = 0;
    script.append = (request, call) => {
      received += 1;
      call.write(success(request));
    };
    const large = { ...event(), data: { text: 'x'.repeat(10_000) } };
    await expect(log.append('a', [large], 'none')).rejects.toMatchObject({ reason: 'too-large' });
    await append('b');
    await eventually(() => expect(received).toBe(1));
  });
});
