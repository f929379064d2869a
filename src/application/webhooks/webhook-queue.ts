/** What the log owes to subscribers. Times are the database's: instances' clocks may differ. */
import type { WebhookEvent, WebhookFilter } from '../../domain/webhook/webhook.js';
import type { Scope } from '../../domain/access/grants.js';
import type { RecordedEvent } from '../log/event-log.js';
import type { LogMark } from '../log/log-identity.js';
import type { Lease } from '../runtime/leadership.js';

/** Of a subscription, what decides about the next event. */
export type Subscription = Readonly<{
  filter: WebhookFilter;
  /** Of its creator. */
  projects: Scope;
  isEnabled: boolean;
  /** More waited than may: nothing is queued for it until it was disabled and enabled. */
  isOverfull: boolean;
}>;

/** In the order of the log. */
export type QueueStep =
  | Readonly<{ kind: 'change'; webhookId: string; event: WebhookEvent; recorded: RecordedEvent }>
  /** `executionId` is null for a test. */
  | Readonly<{ kind: 'deliver'; webhookId: string; id: string; executionId: string | null; recorded: RecordedEvent }>;

/** The right to take in events: one instance has it. */
export interface QueueLease extends Lease {
  /** That everything is taken in up to. */
  position(): Promise<bigint | 'start'>;
  subscriptions(): Promise<ReadonlyMap<string, Subscription>>;
  /**
   * All steps and the new position, or nothing.
   * @param lastEvent the last event before the new position; the one noted before where it is not given
   * @returns the subscriptions that became overfull
   * @throws also where another session has moved the position meanwhile
   */
  take(
    steps: readonly QueueStep[],
    from: bigint | 'start',
    to: bigint,
    lastEvent?: LogMark | null,
  ): Promise<readonly string[]>;
}

/** `unknown` until its first answer, and again when it was enabled; `silent` from an attempt that took too long to an answer. */
export type ReceiverState = 'unknown' | 'answering' | 'silent';

/** The oldest delivery of an execution to a subscriber: nothing after it is sent before it is over. */
export type Claimed = Readonly<{
  deliveryId: string;
  webhookId: string;
  url: string;
  receiver: ReceiverState;
  /** As receivers are given them: `whsec_` and base64. The latest first. */
  secrets: readonly string[];
  stream: string;
  revision: bigint;
  /** Of the event, in the whole log. */
  position: bigint;
  /** Attempts before this one, and milliseconds since the first of them. */
  attempts: number;
  ageMs: number;
  /** Gives the right to report: another instance's claim of the same delivery has another. */
  token: string;
}>;

export type AttemptReport = Readonly<{
  statusCode: number | null;
  error: string | null;
  responseExcerpt: string | null;
  durationMs: number;
  /** It took as long as it may, or longer. */
  isLate: boolean;
}>;

/** What comes of a delivery after an attempt. */
export type DeliveryOutcome =
  Readonly<{ state: 'delivered' | 'failed' }> | Readonly<{ state: 'pending'; pauseMs: number }>;

export type ClaimLimits = Readonly<{
  /** To receivers that are not silent. */
  most: number;
  /** Of these, how many only receivers get that have nothing under way. */
  reserved: number;
  /** To silent receivers, those first that were tried longest ago. */
  mostSilent: number;
  /** Of one subscription at the same time, all instances together; of one whose receiver does not answer (yet) there is one. */
  perTarget: number;
  /** After which another may take it up. */
  leaseMs: number;
}>;

export abstract class WebhookQueue {
  /** Where nothing was taken in yet, begins after `head`. */
  abstract begin(head: bigint | 'start'): Promise<void>;
  /** Null where another instance has the right. */
  abstract tryLead(): Promise<QueueLease | null>;
  /** Deliveries that are due and that no other instance has claimed. */
  abstract claim(limits: ClaimLimits, token: string): Promise<readonly Claimed[]>;
  /**
   * Changes nothing where the claim has passed to another.
   * @param restMs for what follows in the same execution, once this one is over
   */
  abstract finish(claimed: Claimed, report: AttemptReport, outcome: DeliveryOutcome, restMs?: number): Promise<void>;
  /** Whether the claim has not passed to another. */
  abstract holds(claimed: Claimed): Promise<boolean>;
  /** Gives a claim back without an attempt. */
  abstract release(claimed: Claimed, pauseMs: number): Promise<void>;
}
