import type { OnError } from '../runtime/errors.js';
import { STREAM_PREFIX } from '../../domain/workflow/index.js';
import { WEBHOOK_STREAM_PREFIX } from '../../domain/webhook/webhook.js';
import { sleep, type Clock } from '../runtime/clock.js';
import { positionOf, type EventLog, type SubscriptionMessage } from '../log/event-log.js';
import { followLog } from '../log/follow-log.js';
import type { Ids } from '../log/ids.js';
import { NO_LEAD_NOTICES, type LeadNotices } from '../runtime/notices.js';
import { BoundedQueue } from '../runtime/bounded-concurrency.js';
import type { WebhookPace } from './limits.js';
import { DeliveryPlanner, Projects } from './delivery-planner.js';
import type { QueueSession, QueueStep, WebhookQueue } from './webhook-queue.js';

type Ports = Readonly<{ log: EventLog; queue: WebhookQueue; clock: Clock; ids: Ids }>;
type Told = Readonly<{
  /** More waits for the subscription than may: it has to be disabled. */
  overfull: (webhookId: string) => Promise<void>;
  /** Deliveries were queued. */
  queued: () => void;
  onError: OnError;
  notices?: LeadNotices;
}>;

/** Goes through the log once, on one instance at a time, and queues what subscribers are owed. */
export class WebhookFollower {
  private readonly ending = new AbortController();
  private loop: Promise<void> = Promise.resolve();

  constructor(
    private readonly ports: Ports,
    private readonly pace: WebhookPace,
    private readonly told: Told,
  ) {}

  start(): void {
    this.loop = this.run(this.ending.signal);
  }

  /** Resolves when nothing is queued any more. */
  async stop(): Promise<void> {
    this.ending.abort();
    await this.loop;
  }

  private async run(signal: AbortSignal): Promise<void> {
    const { queue, log, clock, ids } = this.ports;
    let hasBegun = false;
    while (!signal.aborted) {
      try {
        if (!hasBegun) await queue.begin(await log.head());
        hasBegun = true;
        const session = await queue.tryLead();
        if (session) await this.lead(session, signal);
      } catch (error) {
        if (!signal.aborted) this.told.onError('The queue of webhooks stopped and starts again', error);
      }
      await sleep(clock, this.pace.leadPauseMs * (0.5 + ids.jitter()), signal);
    }
  }

  private async lead(session: QueueSession, ending: AbortSignal): Promise<void> {
    const over = new AbortController();
    const signal = AbortSignal.any([ending, session.lost, over.signal]);
    const seen = new BoundedQueue<SubscriptionMessage>(this.pace.buffered);
    let pumping: Promise<void> = Promise.resolve();
    const { notices = NO_LEAD_NOTICES } = this.told;
    notices.begun();
    try {
      const position = await session.position();
      const owed = await this.owed(session);
      pumping = this.pump(seen, position, signal);
      await this.disableOverfull(owed);
      await this.takeAll(session, owed, seen, position);
    } finally {
      over.abort();
      seen.close();
      await pumping;
      notices.ended();
      await session.close();
    }
  }

  private async owed(session: QueueSession): Promise<DeliveryPlanner> {
    const projects = new Projects(this.ports.log, this.pace.projects);
    return new DeliveryPlanner(
      await session.subscriptions(),
      (recorded) => projects.of(recorded),
      ({ stream, revision }, error) =>
        this.told.onError(
          `Event ${revision} of ${stream} is not what a webhook's should be, and is passed over`,
          error,
        ),
    );
  }

  private async pump(
    seen: BoundedQueue<SubscriptionMessage>,
    after: bigint | 'start',
    signal: AbortSignal,
  ): Promise<void> {
    const { log, clock, ids } = this.ports;
    const onError = (error: unknown) =>
      this.told.onError('The subscription of the webhooks was lost and is opened again', error);
    const prefix = [STREAM_PREFIX, WEBHOOK_STREAM_PREFIX];
    signal.addEventListener('abort', () => seen.close(), { once: true });
    for await (const each of followLog({ log, clock, ids, prefix, after, signal, onError }))
      if (!(await seen.put(each))) break;
    seen.close();
  }

  private async takeAll(
    session: QueueSession,
    owed: DeliveryPlanner,
    seen: BoundedQueue<SubscriptionMessage>,
    begin: bigint | 'start',
  ): Promise<void> {
    let at = begin;
    let movedAt = 0;
    for (;;) {
      const batch = await seen.take(this.pace.batch);
      if (batch.length === 0) return;
      let to = at;
      const steps: QueueStep[] = [];
      for (const each of batch) {
        const position = positionOf(each);
        // What is delivered again after a lost subscription was taken in before.
        if (position === null || !isAfter(position, to)) continue;
        if (each.kind === 'event') steps.push(...(await owed.stepsFor(each.event)));
        to = position;
      }
      const now = this.ports.clock.now().getTime();
      const isWorthIt = steps.length > 0 || now - movedAt >= this.pace.positionEveryMs;
      if (to === at || to === 'start' || !isWorthIt) continue;
      for (const webhookId of await session.take(steps, at, to)) owed.becameOverfull(webhookId);
      at = to;
      movedAt = now;
      if (steps.length > 0) this.told.queued();
      await this.disableOverfull(owed);
    }
  }

  /** Until it is disabled nothing is queued for it; a failure is made good after the next batch. */
  private async disableOverfull(owed: DeliveryPlanner): Promise<void> {
    for (const webhookId of owed.overfull()) {
      const onError = (error: unknown) => this.told.onError(`Webhook ${webhookId} could not be disabled yet`, error);
      await this.told.overfull(webhookId).catch(onError);
    }
  }
}

const isAfter = (position: bigint, other: bigint | 'start'): boolean => other === 'start' || position > other;
