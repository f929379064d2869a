import type { ExecutionContext } from '@nestjs/common';
import type { Request, Response } from 'express';
import { Rights } from '../../../src/domain/access/grants.js';
import { OpenCount, RateLimiter, SharedRateLimit } from '../../../src/application/runtime/rate-limiter.js';
import { setPrincipal } from '../../../src/interfaces/http/access/principal.js';
import { Refusal } from '../../../src/interfaces/http/server/refusal.js';
import {
  LimitGuard,
  limitAddresses,
  takeStream,
  type RequestLimits,
} from '../../../src/interfaces/http/server/request-limits.js';
import { VirtualClock } from '../../../src/testing/virtual-clock.js';

class CountedStarts extends SharedRateLimit {
  readonly allowed = 2;
  readonly perSeconds = 60;
  readonly taken: string[] = [];
  async take(key: string): Promise<number> {
    this.taken.push(key);
    return this.taken.length > this.allowed ? 30_001 : 0;
  }
}

const world = () => {
  const clock = new VirtualClock();
  const limiter = () => new RateLimiter({ calls: 10, windowMs: 5_000 }, clock, 100);
  const starts = new CountedStarts();
  const limits: RequestLimits = {
    ...{ address: limiter(), principal: limiter(), starts, streams: new OpenCount(1), sockets: null },
    isOwnCall: (token) => token === 'own',
  };
  return { clock, starts, limits };
};

type Asked = {
  path?: string;
  remoteAddress?: string;
  headers?: Record<string, string>;
  method?: string;
  service?: string;
};

const request = ({ path = '/', remoteAddress = '203.0.113.5', headers = {}, method = 'GET', service }: Asked = {}) => {
  const asked = { path, method, headers, socket: { remoteAddress }, route: { path } } as unknown as Request;
  if (service !== undefined) {
    const actor = { type: 'service', id: service, issuer: 'keys', via: 'key', verified: true } as const;
    setPrincipal(asked, { actor, rights: new Rights([]), credential: { kind: 'key', id: 'k' } });
  }
  return asked;
};

const refusalOf = (act: () => unknown): Refusal | undefined => {
  try {
    act();
    return undefined;
  } catch (error) {
    return error as Refusal;
  }
};

describe('requests of an address', () => {
  const ask = (limits: RequestLimits, asked: Asked = {}) =>
    refusalOf(() => limitAddresses(limits)(request(asked), {} as Response, () => undefined));

  it('are refused beyond the limit, with its name and when to come again', async () => {
    const { limits, clock } = world();
    for (let turn = 0; turn < 10; turn++) expect(ask(limits)).toBeUndefined();
    const refused = ask(limits);
    expect([refused?.status, refused?.code, refused?.headers]).toEqual([
      429,
      'TOO_MANY_REQUESTS',
      { 'Retry-After': '1' },
    ]);
    expect(refused?.details).toEqual({ limit: 'requests_per_address', allowed: 2, per_seconds: 1 });
    expect(ask(limits, { remoteAddress: '203.0.113.6' })).toBeUndefined();
    await clock.pass(500);
    expect([ask(limits), ask(limits)?.status]).toEqual([undefined, 429]);
  });

  it('count together over an IPv6 network, and whatever they present', () => {
    const { limits } = world();
    const answers = Array.from({ length: 20 }, (_, index) =>
      ask(limits, { remoteAddress: `2001:db8:1:2::${index}`, headers: { authorization: `Bearer wfx_${index}` } }),
    );
    expect(answers.filter((refused) => refused?.status === 429)).toHaveLength(10);
    expect(ask(limits, { remoteAddress: '2001:db8:1:3::1' })).toBeUndefined();
  });

  it('are not counted where they only ask whether the instance lives, or come from the installation itself', () => {
    const { limits } = world();
    const free: Asked[] = [
      { path: '/health/live' },
      { path: '/health/ready/' },
      { path: '/api/v1/enrich', method: 'POST', headers: { 'x-installation-token': 'own' } },
    ];
    for (let turn = 0; turn < 30; turn++) for (const asked of free) expect(ask(limits, asked)).toBeUndefined();
  });

  it.each<Asked>([
    { path: '/health/live', headers: { authorization: 'Bearer wfx_guess' } },
    { path: '/health/ready', headers: { cookie: 'session=guess' } },
    { path: '/metrics' },
    { path: '/health/live/../../api' },
    { path: '/api/v1/enrich', headers: { 'x-installation-token': 'guess' } },
  ])('are counted: %j', (asked) => {
    const { limits } = world();
    for (let turn = 0; turn < 10; turn++) ask(limits, asked);
    expect(ask(limits, asked)?.status).toBe(429);
  });
});

describe('requests of a principal', () => {
  const START = { path: '/api/v1/workflow/start', method: 'POST' };
  const LIST = { path: '/api/v1/workflow/executions' };
  const guarded = (limits: RequestLimits, asked: Asked) => {
    const context = { switchToHttp: () => ({ getRequest: () => request(asked) }) } as ExecutionContext;
    return new LimitGuard(limits).canActivate(context);
  };

  it('are counted by who it is, from wherever they come', () => {
    const { limits } = world();
    const from = (service: string, index: number) => ({ ...LIST, service, remoteAddress: `203.0.113.${index}` });
    for (let turn = 0; turn < 10; turn++) expect(guarded(limits, from('a', turn))).toBe(true);
    expect(refusalOf(() => guarded(limits, from('a', 99)))?.details).toMatchObject({ limit: 'requests_per_principal' });
    expect(guarded(limits, from('b', 1))).toBe(true);
  });

  it('count for the address where nobody is asked who they are', () => {
    const { limits } = world();
    for (let turn = 0; turn < 10; turn++) expect(guarded(limits, LIST)).toBe(true);
    expect(refusalOf(() => guarded(limits, LIST))?.status).toBe(429);
    expect(guarded(limits, { ...LIST, remoteAddress: '203.0.113.6' })).toBe(true);
  });

  it('to start are counted by the store that all instances share', async () => {
    const { limits, starts } = world();
    const start = async () => guarded(limits, { ...START, service: 'a' });
    expect([await start(), await start()]).toEqual([true, true]);
    await expect(start()).rejects.toMatchObject({
      status: 429,
      details: { limit: 'starts_per_principal', allowed: 2, per_seconds: 60 },
      headers: { 'Retry-After': '31' },
    });
    expect(new Set(starts.taken)).toEqual(new Set(['["service","keys","a"]']));
    expect(guarded(limits, { ...LIST, service: 'a' })).toBe(true);
    expect(starts.taken).toHaveLength(3);
  });

  it('with a task token are none of a principal', () => {
    const { limits } = world();
    const report = { path: '/api/v1/workflow/tasks/:token', method: 'POST' };
    for (let turn = 0; turn < 20; turn++) expect(guarded(limits, report)).toBe(true);
  });
});

test('streams of one holder are refused beyond the limit, and not those of another', () => {
  const streams = new OpenCount(1);
  const end = takeStream(streams, 'a');
  expect(refusalOf(() => takeStream(streams, 'a'))).toMatchObject({
    status: 429,
    details: { limit: 'streams_per_principal', allowed: 1 },
    headers: { 'Retry-After': '5' },
  });
  takeStream(streams, 'b')();
  end();
  takeStream(streams, 'a')();
});
