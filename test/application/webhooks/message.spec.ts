import { bodyOf, headersFor } from '../../../src/application/webhooks/message.js';
import { signatureOf } from '../../../src/application/webhooks/signature.js';
import { verdictOn } from '../../../src/application/webhooks/webhook-deliverer.js';
import type { RecordedEvent } from '../../../src/application/log/event-log.js';
import { verify } from '../../support/webhook-receiver.js';

const event = (data: object, stream = 'workflow-e-1'): RecordedEvent => ({
  ...{ id: 'id-1', type: 'StepCompleted', stream, data, metadata: null },
  ...{ revision: 7n, position: 9_007_199_254_740_993n, recordedAt: new Date('2026-01-02T03:04:05.678Z') },
});

describe('the signature', () => {
  it('is that of the vector in the libraries of Standard Webhooks', () => {
    const signature = signatureOf(
      'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw',
      'msg_p5jXN8AQM9LWM0D4loKWxJek',
      1_614_265_330,
      '{"test": 2432232314}',
    );
    expect(signature).toBe('v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=');
  });

  it('is made with each secret, and covers id, time and body', () => {
    const [first, second] = ['whsec_Zmlyc3Q=', 'whsec_c2Vjb25k'];
    const now = new Date('2026-01-02T03:04:05.999Z');
    const headers = headersFor('m-1', [first, second], '{"a":"ü"}', now);
    expect(headers).toMatchObject({ 'webhook-id': 'm-1', 'webhook-timestamp': '1767323045' });
    const received = { headers, text: '{"a":"ü"}' };
    for (const secret of [first, second]) expect(verify(secret, received, now.getTime())).toBe(true);
    expect(verify('whsec_dGhpcmQ=', received, now.getTime())).toBe(false);
    expect(verify(first, { ...received, text: '{"a":"u"}' }, now.getTime())).toBe(false);
    for (const changed of [{ 'webhook-id': 'm-2' }, { 'webhook-timestamp': '1767323046' }])
      expect(verify(first, { ...received, headers: { ...headers, ...changed } }, now.getTime())).toBe(false);
  });
});

describe('the body', () => {
  it('is the event as the API shows it, with revision and position as texts', () => {
    expect(JSON.parse(bodyOf(event({ step: 'write' }), 10_000))).toMatchObject({
      type: 'StepCompleted',
      timestamp: '2026-01-02T03:04:05.678Z',
      data: {
        ...{ id: 'id-1', execution_id: 'e-1', revision: '7', position: '9007199254740993' },
        ...{ event_type: 'StepCompleted', data: { step: 'write' } },
      },
    });
  });

  it('of an event that is too large says that its data was left out', () => {
    const body = bodyOf(event({ text: 'x'.repeat(10_000) }), 5_000);
    expect(Buffer.byteLength(body)).toBeLessThan(5_000);
    expect(JSON.parse(body).data).toMatchObject({ id: 'id-1', data: null, data_omitted: true });
  });
});

describe('what an answer means', () => {
  const backOff = { firstMs: 5_000, giveUpMs: 86_400_000 };
  const said = (statusCode: number | null, more: object = {}) =>
    verdictOn({ statusCode, error: null, retryAfterMs: null, ...more }, { attempts: 0, ageMs: 10 }, backOff, 0);

  it('every 2xx has arrived', () => {
    for (const status of [200, 202, 204, 299])
      expect(said(status)).toEqual({ outcome: { state: 'delivered' }, disable: null });
  });

  it('everything else is tried again, redirects and refusals included', () => {
    for (const status of [null, 100, 301, 307, 400, 401, 404, 429, 500, 503])
      expect(said(status)).toEqual({ outcome: { state: 'pending', pauseMs: 5_000 }, disable: null });
    expect(said(429, { retryAfterMs: 60_000 }).outcome).toEqual({ state: 'pending', pauseMs: 60_000 });
  });

  it('410 ends the subscription at once', () => {
    expect(said(410)).toMatchObject({ outcome: { state: 'failed' }, disable: { cause: 'gone' } });
  });

  it('what has failed for a day is given up, and ends it too', () => {
    const before = { attempts: 18, ageMs: 86_400_000 };
    const verdict = verdictOn({ statusCode: null, error: 'refused', retryAfterMs: 1 }, before, backOff, 0);
    const reason = 'One delivery failed for 24 h, in 19 attempts; the last: refused';
    expect(verdict).toEqual({ outcome: { state: 'failed' }, disable: { cause: 'lasting_failure', reason } });
  });
});
