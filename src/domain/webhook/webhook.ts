/**
 * A subscription to events, as facts: a stream of its own for each; the events are a storage contract. They hold no secret,
 * and of the address no query: those are kept beside the log, where they can be deleted.
 */
import { isInScope, isWithin, type Scope } from '../access/grants.js';
import { unreachable, type Decider, type Message, CommandRejected } from '../decider.js';
import { listOf, mustHold, oneOf, orNull, record, text, time, whole, type Shape } from '../shape.js';

/** When a delivery that failed is tried again, and for how long. */

export type BackOff = Readonly<{
  /** The pause after the first failure, milliseconds; the later ones are multiples of it. */
  firstMs: number;
  /** From the first attempt on. What has failed for so long is given up. */
  giveUpMs: number;
}>;

/** With a first pause of 5 s: 5 s, 30 s, 2 min, 5 min, 15 min, 30 min, 1 h, and 2 h from then on. */
const STEPS = [1, 6, 24, 60, 180, 360, 720, 1440] as const;

/** A pause is made longer by up to this share of it, so that what failed together is not tried together. */
const SPREAD = 0.2;

type Failures = Readonly<{
  /** Attempts so far, the one that just failed included. */
  attempts: number;
  /** Milliseconds since the first of them. */
  ageMs: number;
  /** What the receiver asked for. */
  retryAfterMs: number | null;
  /** In [0, 1). */
  jitter: number;
}>;

/** Milliseconds until the next attempt; the last one is made when the time is over. Null: given up. */
export const nextPauseMs = ({ firstMs, giveUpMs }: BackOff, failures: Failures): number | null => {
  const leftMs = giveUpMs - failures.ageMs;
  if (leftMs <= 0) return null;
  const step = STEPS[Math.min(failures.attempts, STEPS.length) - 1] ?? STEPS[0];
  const pause = firstMs * step * (1 + SPREAD * failures.jitter);
  return Math.ceil(Math.min(Math.max(pause, failures.retryAfterMs ?? 0), leftMs));
};

/** Which events a subscription is about. */

/** @param pattern an exact name, or a beginning with `*` behind it */
const matchesType = (pattern: string, type: string): boolean =>
  pattern.endsWith('*') ? type.startsWith(pattern.slice(0, -1)) : type === pattern;

/** What the event alone decides; its project may have to be looked up. */
export const mayMatch = (
  { eventTypes, executionId }: WebhookFilter,
  event: Readonly<{ type: string; executionId: string }>,
): boolean =>
  (executionId === null || executionId === event.executionId) &&
  (eventTypes.length === 0 || eventTypes.some((pattern) => matchesType(pattern, event.type)));

/** Of the patterns, those that no known type answers to. */
export const unknownTypes = (patterns: readonly string[], known: readonly string[]): readonly string[] =>
  patterns.filter((pattern) => !known.some((type) => matchesType(pattern, type)));

/** What is asked for: all of it has to hold. */
export type WebhookFilter = Readonly<{
  /** Exact names, or beginnings with `*` behind them; empty: every type. */
  eventTypes: readonly string[];
  projectId: string | null;
  executionId: string | null;
}>;

/** What a subscription can be about at most: the project that it asks for, or those of its creator. */
export type WebhookReach = Readonly<{ projectId: string | null; projects: Scope }>;

/** Whether whoever may manage webhooks of `scope` may see and change this one. */
export const isReachWithin = ({ projectId, projects }: WebhookReach, scope: Scope): boolean =>
  isWithin(projectId === null ? projects : [projectId], scope);

/** Whether an execution of that project is something for the subscription; a project that is not known is in no list. */
export const reaches = ({ projectId, projects }: WebhookReach, ofEvent: string | null): boolean =>
  (projectId === null || projectId === ofEvent) &&
  (projects === 'all' || (ofEvent !== null && isInScope(projects, ofEvent)));

const DISABLE_CAUSES = ['operator', 'lasting_failure', 'gone', 'queue_full'] as const;
export type DisableCause = (typeof DISABLE_CAUSES)[number];

/** `reason` is the operator's own, or says what the system saw. `at` is ISO-8601 UTC. */
type Given = Readonly<{ actor: Readonly<{ type: string; id: string }>; reason: string | null; at: string }>;

export type WebhookSubscribed = Given &
  Readonly<{
    webhookId: string;
    target: string;
    description: string | null;
    filter: WebhookFilter;
    /** Those that its creator might manage webhooks of, as patterns; absent: all, and in earlier events. */
    projects?: readonly string[] | undefined;
  }>;

export type WebhookEvent =
  | Message<'WebhookSubscribed', WebhookSubscribed>
  /** `secretId` signs from now on; those before it do so for `overlapMs` more. */
  | Message<'WebhookSecretRotated', Given & Readonly<{ secretId: string; overlapMs: number }>>
  | Message<'WebhookDisabled', Given & Readonly<{ cause: DisableCause }>>
  | Message<'WebhookEnabled', Given>
  /** Is itself delivered to the target. */
  | Message<'WebhookTested', Given>
  | Message<'WebhookRemoved', Given>;

type CommandOf<Event> =
  Event extends Message<infer Type, infer Data>
    ? Readonly<{ type: CommandName[Type & keyof CommandName]; data: Data }>
    : never;
type CommandName = {
  WebhookSubscribed: 'SubscribeWebhook';
  WebhookSecretRotated: 'RotateWebhookSecret';
  WebhookDisabled: 'DisableWebhook';
  WebhookEnabled: 'EnableWebhook';
  WebhookTested: 'TestWebhook';
  WebhookRemoved: 'RemoveWebhook';
};
export type WebhookCommand = CommandOf<WebhookEvent>;

/** Null: there is none of that name. */
export type WebhookState = Readonly<{
  status: 'enabled' | 'disabled' | 'removed';
  subscribed: WebhookSubscribed;
}> | null;

/** What is so already changes nothing. */
const decide = (command: WebhookCommand, state: WebhookState): readonly WebhookEvent[] => {
  if (command.type === 'SubscribeWebhook') return state ? [] : [{ type: 'WebhookSubscribed', data: command.data }];
  if (!state || state.status === 'removed') throw new CommandRejected('NotFound', 'There is no such webhook');
  switch (command.type) {
    case 'RotateWebhookSecret':
      return [{ type: 'WebhookSecretRotated', data: command.data }];
    case 'DisableWebhook':
      return state.status === 'disabled' ? [] : [{ type: 'WebhookDisabled', data: command.data }];
    case 'EnableWebhook':
      return state.status === 'enabled' ? [] : [{ type: 'WebhookEnabled', data: command.data }];
    case 'TestWebhook':
      if (state.status === 'enabled') return [{ type: 'WebhookTested', data: command.data }];
      throw new CommandRejected('Conflict', 'The webhook is disabled and delivers nothing; enable it first', {
        current_state: state.status,
        allowed_actions: ['enable', 'delete'],
      });
    case 'RemoveWebhook':
      return [{ type: 'WebhookRemoved', data: command.data }];
    default:
      return unreachable(command);
  }
};

const evolve = (state: WebhookState, event: WebhookEvent): WebhookState => {
  if (event.type === 'WebhookSubscribed') return { status: 'enabled', subscribed: event.data };
  if (!state) return state;
  switch (event.type) {
    case 'WebhookDisabled':
      return { ...state, status: 'disabled' };
    case 'WebhookEnabled':
      return { ...state, status: 'enabled' };
    case 'WebhookRemoved':
      return { ...state, status: 'removed' };
    case 'WebhookSecretRotated':
    case 'WebhookTested':
      return state;
    default:
      return unreachable(event);
  }
};

export const webhook: Decider<WebhookCommand, WebhookState, WebhookEvent> = { initialState: null, decide, evolve };

export const WEBHOOK_STREAM_PREFIX = 'webhook-';
export const webhookStream = (webhookId: string): string => WEBHOOK_STREAM_PREFIX + webhookId;
export const webhookIdOf = (stream: string): string => stream.slice(WEBHOOK_STREAM_PREFIX.length);

const given = { actor: record({ type: text, id: text }), reason: orNull(text), at: time };
const filter = record({ eventTypes: listOf(text), projectId: orNull(text), executionId: orNull(text) });

const shapes: Readonly<Record<WebhookEvent['type'], Shape>> = {
  WebhookSubscribed: record(
    { ...given, webhookId: text, target: text, description: orNull(text), filter },
    { projects: listOf(text) },
  ),
  WebhookSecretRotated: record({ ...given, secretId: text, overlapMs: whole(0) }),
  WebhookDisabled: record({ ...given, cause: oneOf(...DISABLE_CAUSES) }),
  WebhookEnabled: record(given),
  WebhookTested: record(given),
  WebhookRemoved: record(given),
};

/** Null for a type that this version does not know. @throws where a known event does not hold what it should */
export const readWebhookEvent = (type: string, data: unknown): WebhookEvent | null => {
  if (!Object.hasOwn(shapes, type)) return null;
  mustHold(shapes[type as WebhookEvent['type']], type, data);
  return { type, data } as WebhookEvent;
};
