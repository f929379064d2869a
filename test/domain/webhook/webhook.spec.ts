import {
  isReachWithin,
  reaches,
  nextPauseMs,
  mayMatch,
  unknownTypes,
  readWebhookEvent,
  webhook,
  type WebhookCommand,
  type WebhookEvent,
  type WebhookSubscribed,
} from '../../../src/domain/webhook/webhook.js';
import { fold } from '../../../src/domain/decider.js';

const said = { actor: { type: 'user', id: 'ann' }, reason: null, at: '2026-01-02T03:04:05.678Z' };
const ALL = { eventTypes: [], projectId: null, executionId: null };
const subscribed: WebhookSubscribed = {
  ...said,
  ...{ webhookId: 'w', target: 'https://example.com/', description: null, filter: ALL },
};
const made: WebhookEvent = { type: 'WebhookSubscribed', data: subscribed };
const decide = (history: readonly WebhookEvent[], command: WebhookCommand) =>
  webhook.decide(command, fold(webhook, history)).map(({ type }) => type);

describe('a subscription', () => {
  const disabled: WebhookEvent = { type: 'WebhookDisabled', data: { ...said, cause: 'operator' } };
  const removed: WebhookEvent = { type: 'WebhookRemoved', data: said };

  it('is made once', () => {
    expect(decide([], { type: 'SubscribeWebhook', data: subscribed })).toEqual(['WebhookSubscribed']);
    expect(decide([made], { type: 'SubscribeWebhook', data: subscribed })).toEqual([]);
    expect(decide([made, removed], { type: 'SubscribeWebhook', data: subscribed })).toEqual([]);
  });

  it('is disabled and enabled; a repeat changes nothing', () => {
    const disable: WebhookCommand = { type: 'DisableWebhook', data: { ...said, cause: 'gone' } };
    const enable: WebhookCommand = { type: 'EnableWebhook', data: said };
    expect(decide([made], disable)).toEqual(['WebhookDisabled']);
    expect(decide([made, disabled], disable)).toEqual([]);
    expect(decide([made, disabled], enable)).toEqual(['WebhookEnabled']);
    expect(decide([made], enable)).toEqual([]);
  });

  it('that is disabled is not tested; its secret may be changed', () => {
    const test: WebhookCommand = { type: 'TestWebhook', data: said };
    const rotate: WebhookCommand = { type: 'RotateWebhookSecret', data: { ...said, secretId: 's', overlapMs: 0 } };
    expect(() => decide([made, disabled], test)).toThrow('enable it first');
    expect(decide([made], test)).toEqual(['WebhookTested']);
    expect(decide([made, disabled], rotate)).toEqual(['WebhookSecretRotated']);
  });

  it('that is not there, or no longer, is not found', () => {
    for (const history of [[], [made, removed]])
      for (const type of ['EnableWebhook', 'TestWebhook', 'RemoveWebhook'] as const)
        expect(() => decide(history, { type, data: said })).toThrow('There is no such webhook');
  });
});

test('events are read as they were written; others are passed over, malformed ones refused', () => {
  expect(readWebhookEvent('WebhookSubscribed', JSON.parse(JSON.stringify(subscribed)))).toEqual(made);
  expect(readWebhookEvent('WebhookDreamt', {})).toBeNull();
  expect(readWebhookEvent('toString', {})).toBeNull();
  expect(() => readWebhookEvent('WebhookDisabled', { ...said, cause: 'mood' })).toThrow(
    'Event WebhookDisabled: expected one of operator, lasting_failure, gone, queue_full at cause, got "mood"',
  );
});

describe('what a subscription is about', () => {
  const event = { type: 'StepCompleted', executionId: 'e-1' };

  it.each([
    [{ ...ALL }, true],
    [{ ...ALL, eventTypes: ['StepCompleted'] }, true],
    [{ ...ALL, eventTypes: ['StepStarted'] }, false],
    [{ ...ALL, eventTypes: ['StepStarted', 'Step*'] }, true],
    [{ ...ALL, eventTypes: ['Step'] }, false],
    [{ ...ALL, eventTypes: ['Workflow*'] }, false],
    [{ ...ALL, eventTypes: ['*'] }, true],
    [{ ...ALL, executionId: 'e-1' }, true],
    [{ ...ALL, executionId: 'e-2' }, false],
    [{ ...ALL, executionId: 'e-1', eventTypes: ['StepFailed'] }, false],
  ])('%j: %s', (filter, expected) => expect(mayMatch(filter, event)).toBe(expected));

  it('event types that the application never writes are named', () => {
    expect(unknownTypes(['StepCompleted', 'Step*', '*', 'Stp*', 'Step'], ['StepCompleted'])).toEqual(['Stp*', 'Step']);
  });
});

describe('the back-off', () => {
  const backOff = { firstMs: 5_000, giveUpMs: 86_400_000 };
  const failed = (attempts: number, more: object = {}) =>
    nextPauseMs(backOff, { attempts, ageMs: 0, retryAfterMs: null, jitter: 0, ...more });

  it('grows from seconds to hours', () => {
    const seconds = [1, 2, 3, 4, 5, 6, 7, 8, 9, 100].map((attempts) => failed(attempts)! / 1_000);
    expect(seconds).toEqual([5, 30, 120, 300, 900, 1_800, 3_600, 7_200, 7_200, 7_200]);
  });

  it('is spread upwards by a fifth at most', () => {
    expect(failed(2, { jitter: 0.999_999 })).toBe(36_000);
    expect(failed(2, { jitter: 0.5 })).toBe(33_000);
  });

  it('is at least what the receiver asked for, within the day', () => {
    expect(failed(1, { retryAfterMs: 60_000 })).toBe(60_000);
    expect(failed(3, { retryAfterMs: 60_000 })).toBe(120_000);
    expect(failed(1, { retryAfterMs: 100_000_000 })).toBe(86_400_000);
  });

  it('lasts a day: the last attempt is made when it is over, and none after it', () => {
    let [ageMs, attempts] = [0, 1];
    for (let pause = failed(1); pause !== null; pause = failed(attempts, { ageMs })) {
      ageMs += pause;
      attempts++;
    }
    expect([ageMs, attempts]).toEqual([86_400_000, 20]);
  });
});

describe('the projects of a subscription', () => {
  const own = { projectId: null, projects: ['alpha-*', 'solo'] };

  it('are its creator’s, or the one that it asks for', () => {
    expect(isReachWithin(own, ['alpha-*', 'solo', 'more'])).toBe(true);
    expect(isReachWithin(own, ['alpha-*'])).toBe(false);
    expect(isReachWithin({ projectId: null, projects: 'all' }, ['*'])).toBe(false);
    expect(isReachWithin({ projectId: 'alpha-1', projects: 'all' }, ['alpha-*'])).toBe(true);
    expect(isReachWithin(own, 'all')).toBe(true);
  });

  it('decide which events are sent; one whose project is not known is for those of all projects', () => {
    expect(['alpha-1', 'solo', 'beta', null].map((project) => reaches(own, project))).toEqual([
      true,
      true,
      false,
      false,
    ]);
    expect(reaches({ ...own, projectId: 'beta' }, 'beta')).toBe(false);
    expect(reaches({ projectId: null, projects: 'all' }, null)).toBe(true);
  });

  it('stand in the event where they are not all', () => {
    const narrow = { ...subscribed, projects: ['alpha-*'] };
    expect(readWebhookEvent('WebhookSubscribed', narrow)).toEqual({ type: 'WebhookSubscribed', data: narrow });
    expect(() => readWebhookEvent('WebhookSubscribed', { ...subscribed, projects: 'alpha' })).toThrow('an array');
  });
});
