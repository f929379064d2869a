import {
  AccessLog,
  DEFAULT_ACCESS_LOG_LIMITS,
  type AccessLogLimits,
} from '../../../src/application/access/access-log.js';
import { networkOf } from '../../../src/application/access/network.js';
import { Forbidden, Unauthenticated, type Principal } from '../../../src/application/access/principal.js';
import { eventHash, type ChainLink } from '../../../src/application/log/event-hash.js';
import { AppendOutcomeUnknown, LogUnavailable } from '../../../src/application/log/event-log.js';
import { NotReady } from '../../../src/application/runtime/errors.js';
import { Rights } from '../../../src/domain/access/grants.js';
import { InMemoryEventLog } from '../../../src/testing/in-memory.event-log.js';
import { CountingIds } from '../../support/saga-world.js';
import { VirtualClock } from '../../../src/testing/virtual-clock.js';

const DAY = 'access-log-2030-01-01';
const KEY: Principal = {
  actor: { type: 'service', id: 'reports', issuer: 'keys', via: 'key', verified: true },
  rights: new Rights([{ role: 'viewer', projects: 'all' }]),
  credential: { kind: 'key', id: 'a' },
};
const forbidden = new Forbidden('access.manage', 'no');
const missing = new Unauthenticated('CREDENTIALS_MISSING', 'none');
const GET = 'GET /api/v1/access/keys';

const world = (more: Partial<AccessLogLimits> = {}, isOn = true) => {
  const clock = new VirtualClock();
  const log = new InMemoryEventLog(() => clock.now());
  const lines: string[] = [];
  const reports = {
    onError: (message: string) => void lines.push(message),
    notify: (_level: string, line: string) => void lines.push(line),
  };
  const make = () =>
    new AccessLog({ log, clock, ids: new CountingIds('a') }, isOn, reports, { ...DEFAULT_ACCESS_LOG_LIMITS, ...more });
  const append = log.append.bind(log);
  const away = { is: false };
  log.append = (...given) => (away.is ? Promise.reject(new LogUnavailable('away')) : append(...given));
  const entries = async (stream = DAY) =>
    (await log.read(stream)).events.map(({ type, data }) => ({ type, data: data as Record<string, unknown> }));
  return { clock, log, accessLog: make(), lines, away, entries };
};

/** What is tried again for as long as an order may take, and fails. */
const failing = async (clock: VirtualClock, work: Promise<unknown>): Promise<unknown> => {
  const failed = work.then(
    () => 'nothing failed',
    (error: unknown) => error,
  );
  await clock.pass(10_000);
  return failed;
};

const asked = (principal: Principal | null, address = '10.0.0.1', route = GET) => ({ principal, address, route });

describe('denied requests', () => {
  it('are one entry for each subject, route and rule of a minute', async () => {
    const { accessLog, clock, entries } = world();
    accessLog.start();
    await clock.pass(0);
    for (let count = 0; count < 3; count++) accessLog.denied(forbidden, asked(KEY));
    await clock.pass(5_000);
    accessLog.denied(forbidden, asked(KEY));
    accessLog.denied(missing, asked(null));
    accessLog.denied(missing, asked(null, '10.0.0.2'));
    expect(await entries()).toEqual([]);
    await clock.pass(55_000);
    const [first, second, third, ...more] = await entries();
    expect(more).toEqual([]);
    expect(first).toEqual({
      type: 'AccessDenied',
      data: {
        ...{ who: { type: 'service', id: 'reports', issuer: 'keys' }, address: null, route: GET },
        ...{ code: 'FORBIDDEN', permission: 'access.manage', count: 4 },
        ...{ from: '2030-01-01T00:00:00.000Z', until: '2030-01-01T00:00:05.000Z' },
      },
    });
    expect(second?.data).toMatchObject({ who: null, address: '10.0.0.1', code: 'CREDENTIALS_MISSING', count: 1 });
    expect(third?.data).toMatchObject({ address: '10.0.0.2', count: 1 });
    await clock.pass(120_000);
    expect(await entries()).toHaveLength(3);
    await accessLog.stop();
  });

  it('are bounded: what is too various is one sum', async () => {
    const { accessLog, entries } = world({ denials: 2 });
    for (let host = 0; host < 1_000; host++) accessLog.denied(missing, asked(null, `10.0.${host >> 8}.${host & 255}`));
    await accessLog.flush();
    const found = await entries();
    expect(found.map(({ type, data }) => [type, data['count']])).toEqual([
      ['AccessDenied', 1],
      ['AccessDenied', 1],
      ['FurtherAccessDenied', 998],
    ]);
  });

  it('are not recorded where nobody is asked', async () => {
    const { accessLog, log } = world({}, false);
    accessLog.denied(missing, asked(null));
    accessLog.signedIn(KEY.actor);
    await accessLog.packExported(KEY, 'e-1');
    await accessLog.flush();
    expect(await log.head()).toBe('start');
  });
});

describe('the access log', () => {
  it('chains its entries by their hashes, and begins a stream each day', async () => {
    const { accessLog, log, clock, entries } = world();
    accessLog.signedIn(KEY.actor);
    accessLog.signedInFreshly(KEY.actor);
    await accessLog.flush();
    accessLog.signedIn(KEY.actor);
    await accessLog.flush();
    const { events } = await log.read(DAY);
    const links = events.map(({ metadata }) => metadata as ChainLink);
    expect(links.map(({ hash }) => hash)).toEqual(events.map((event) => eventHash(event)));
    expect(links.map(({ previousHash }) => previousHash)).toEqual([null, links[0]?.hash, links[1]?.hash]);
    await clock.pass(86_400_000);
    accessLog.signedIn(KEY.actor);
    await accessLog.flush();
    expect((await entries('access-log-2030-01-02')).map(({ type }) => type)).toEqual(['SignedIn']);
  });

  it('keeps its entries while the log is away, writes what it has lost as a number, and tells the operator', async () => {
    const { accessLog, clock, away, entries, lines } = world({ waiting: 3 });
    away.is = true;
    for (let count = 0; count < 5; count++) accessLog.signedIn(KEY.actor);
    expect(await failing(clock, accessLog.flush())).toBeInstanceOf(LogUnavailable);
    expect(lines).toEqual(['3 entries of the access log wait: more are counted only, and lost']);
    away.is = false;
    await accessLog.flush();
    const found = await entries();
    expect(found.map(({ type }) => type)).toEqual(['SignedIn', 'SignedIn', 'SignedIn', 'AccessLogEntriesLost']);
    expect(found[3]?.data['count']).toBe(2);
  });

  it('writes nothing twice where an append gave no clear answer', async () => {
    const { accessLog, clock, log, entries } = world();
    const append = log.append.bind(log);
    log.append = async (...given) => {
      await append(...given);
      throw new AppendOutcomeUnknown('who knows');
    };
    accessLog.signedIn(KEY.actor);
    expect(await failing(clock, accessLog.flush())).toBeInstanceOf(AppendOutcomeUnknown);
    log.append = append;
    accessLog.signedInFreshly(KEY.actor);
    await accessLog.flush();
    expect((await entries()).map(({ type }) => type)).toEqual(['SignedIn', 'SignedInFreshly']);
  });

  it('is written to its end when the instance stops', async () => {
    const { accessLog, entries } = world();
    accessLog.start();
    accessLog.denied(forbidden, asked(KEY));
    await accessLog.stop();
    expect(await entries()).toHaveLength(1);
  });

  it('has an export of a pack before the pack is given out', async () => {
    const { accessLog, clock, away, entries } = world();
    await accessLog.packExported(KEY, 'e-1');
    expect((await entries())[0]).toMatchObject({
      type: 'AuditPackExported',
      data: { who: { id: 'reports' }, executionId: 'e-1' },
    });
    away.is = true;
    expect(await failing(clock, accessLog.packExported(KEY, 'e-1'))).toBeInstanceOf(NotReady);
  });
});

describe('an address', () => {
  it.each([
    ['10.1.2.3', '10.1.2.3'],
    ['::ffff:10.1.2.3', '10.1.2.3'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
    ['2001:0DB8::1', '2001:db8:0:0::/64'],
    ['::1', '0:0:0:0::/64'],
    ['fe80::1%eth0', 'fe80:0:0:0::/64'],
    ['no address', null],
    [undefined, null],
  ])('%s is recorded as %s', (address, network) => expect(networkOf(address)).toBe(network));
});
