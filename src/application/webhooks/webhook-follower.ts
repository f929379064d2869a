import { STREAM_PREFIX, executionIdOf, workflowStream } from '../../domain/workflow/index.js';
import {
  WEBHOOK_STREAM_PREFIX,
  readWebhookEvent,
  webhookIdOf,
  mayMatch,
  reaches,
} from '../../domain/webhook/webhook.js';
import type { OnError } from '../runtime/errors.js';
import type { Clock } from '../runtime/clock.js';
import {
  positionOf,
  type EventLog,
  type SubscriptionMessage,
  isTombstone,
  type RecordedEvent,
  StreamTombstoned,
} from '../log/event-log.js';
import { followLog } from '../log/follow-log.js';
import type { LogMark } from '../log/log-identity.js';
import { type Ids, webhookDeliveryId } from '../log/ids.js';
import { Leadership, type LeaderSession, type LeadNotices } from '../runtime/leadership.js';
import { BoundedQueue } from '../runtime/bounded-concurrency.js';
import type { WebhookPace } from './limits.js';
import type { QueueLease, QueueStep, WebhookQueue, Subscription } from './webhook-queue.js';

/** Which project an execution belongs to: its first event says so. */
class Projects {
  private readonly known = new Map<string, string | null>();

  /** @param remembered executions, the latest that were asked for */
  constructor(
    private readonly log: EventLog,
    private readonly remembered: number,
  ) {}

  /** Null where the first event does not name it, or can no longer be read. @throws LogUnavailable */
  async of(recorded: RecordedEvent): Promise<string | null> {
    const executionId = executionIdOf(recorded.stream);
    const known = this.known.get(executionId);
    if (known !== undefined) return known;
    const first = recorded.revision === 0n ? recorded : await this.firstEvent(executionId);
    const { projectId } = (first?.revision === 0n ? (first.data ?? {}) : {}) as Readonly<{ projectId?: unknown }>;
    const project = typeof projectId === 'string' ? projectId : null;
    this.known.set(executionId, project);
    if (this.known.size > this.remembered) this.known.delete(this.known.keys().next().value!);
    return project;
  }

  private async firstEvent(executionId: string): Promise<RecordedEvent | undefined> {
    const page = { direction: 'forwards', from: 0n, limit: 1 } as const;
    try {
      return (await this.log.readPage(workflowStream(executionId), page))[0];
    } catch (error) {
      if (error instanceof StreamTombstoned) return undefined;
      throw error;
    }
  }
}

type ProjectOf = (recorded: RecordedEvent) => Promise<string | null>;

/** From the log to deliveries: a fold that carries the subscriptions along. */
class DeliveryPlanner {
  private readonly subscriptions: Map<string, Subscription>;

  /** @param onUnreadable gets each event of a subscription's stream that is not what this application writes */
  constructor(
    subscriptions: ReadonlyMap<string, Subscription>,
    private readonly projectOf: ProjectOf,
    private readonly onUnreadable: (recorded: RecordedEvent, error: unknown) => void,
  ) {
    this.subscriptions = new Map(subscriptions);
  }

  /** Enabled, and more waits for them than may. */
  overfull(): readonly string[] {
    return [...this.subscriptions].filter(([, each]) => each.isEnabled && each.isOverfull).map(([id]) => id);
  }

  becameOverfull(webhookId: string): void {
    const present = this.subscriptions.get(webhookId);
    if (present) this.subscriptions.set(webhookId, { ...present, isOverfull: true });
  }

  async stepsFor(recorded: RecordedEvent): Promise<readonly QueueStep[]> {
    if (isTombstone(recorded)) return [];
    return recorded.stream.startsWith(WEBHOOK_STREAM_PREFIX) ? this.changed(recorded) : this.happened(recorded);
  }

  private changed(recorded: RecordedEvent): readonly QueueStep[] {
    const webhookId = webhookIdOf(recorded.stream);
    try {
      const event = readWebhookEvent(recorded.type, recorded.data);
      if (!event || !UUID.test(webhookId)) return [];
      const steps: QueueStep[] = [{ kind: 'change', webhookId, event, recorded }];
      const present = this.subscriptions.get(webhookId);
      switch (event.type) {
        case 'WebhookSubscribed':
          this.subscriptions.set(webhookId, {
            filter: event.data.filter,
            projects: event.data.projects ?? 'all',
            isEnabled: true,
            isOverfull: false,
          });
          break;
        case 'WebhookRemoved':
          this.subscriptions.delete(webhookId);
          break;
        case 'WebhookDisabled':
        case 'WebhookEnabled':
          if (present) {
            const isEnabled = event.type === 'WebhookEnabled';
            this.subscriptions.set(webhookId, { ...present, isEnabled, isOverfull: false });
          }
          break;
        case 'WebhookTested':
          if (present?.isEnabled) steps.push(delivery(webhookId, recorded, null));
          break;
        case 'WebhookSecretRotated':
          break;
      }
      return steps;
    } catch (error) {
      this.onUnreadable(recorded, error);
      return [];
    }
  }

  private async happened(recorded: RecordedEvent): Promise<readonly QueueStep[]> {
    const executionId = executionIdOf(recorded.stream);
    const steps: QueueStep[] = [];
    for (const [webhookId, { filter, projects, isEnabled, isOverfull }] of this.subscriptions) {
      if (!isEnabled || isOverfull || !mayMatch(filter, { type: recorded.type, executionId })) continue;
      const { projectId } = filter;
      const asksProject = projectId !== null || projects !== 'all';
      if (asksProject && !reaches({ projectId, projects }, await this.projectOf(recorded))) continue;
      steps.push(delivery(webhookId, recorded, executionId));
    }
    return steps;
  }
}

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

const delivery = (webhookId: string, recorded: RecordedEvent, executionId: string | null): QueueStep => {
  const id = webhookDeliveryId(webhookId, recorded.stream, recorded.revision);
  return { kind: 'deliver', webhookId, id, executionId, recorded };
};

type Dependencies = Readonly<{ log: EventLog; queue: WebhookQueue; clock: Clock; ids: Ids }>;
type Callbacks = Readonly<{
  /** More waits for the subscription than may: it has to be disabled. */
  overfull: (webhookId: string) => Promise<void>;
  /** Deliveries were queued. */
  queued: () => void;
  onError: OnError;
  notices?: LeadNotices;
}>;

/** Goes through the log once, on the instance that leads, and queues deliveries to subscribers. */
export class WebhookFollower {
  private readonly leadership: Leadership<QueueLease, WebhookLeaderSession>;
  private hasBegun = false;

  constructor(
    private readonly dependencies: Dependencies,
    pace: WebhookPace,
    callbacks: Callbacks,
  ) {
    const { clock, ids } = dependencies;
    this.leadership = new Leadership({
      ...{ clock, ids, notices: callbacks.notices },
      tryLead: () => this.tryLead(),
      begin: (lease) => new WebhookLeaderSession(dependencies, pace, callbacks, lease),
      pauseMs: () => pace.leadPauseMs,
      onFailure: ({ error }) => callbacks.onError('The queue of webhooks stopped and starts again', error),
    });
  }

  start(): void {
    this.leadership.start();
  }

  /** Resolves when this instance queues nothing any longer. */
  stop(): Promise<void> {
    return this.leadership.stop();
  }

  /** The first instance of all begins at the end of the log. */
  private async tryLead(): Promise<QueueLease | null> {
    const { queue, log } = this.dependencies;
    if (!this.hasBegun) await queue.begin(await log.head());
    this.hasBegun = true;
    return queue.tryLead();
  }
}

/** Queues deliveries as long as the lease lasts. */
class WebhookLeaderSession implements LeaderSession {
  private readonly seen: BoundedQueue<SubscriptionMessage>;

  constructor(
    private readonly dependencies: Dependencies,
    private readonly pace: WebhookPace,
    private readonly callbacks: Callbacks,
    private readonly lease: QueueLease,
  ) {
    this.seen = new BoundedQueue(pace.buffered);
  }

  async serve(stopping: AbortSignal): Promise<void> {
    const over = new AbortController();
    const signal = AbortSignal.any([stopping, this.lease.lost, over.signal]);
    let pumping: Promise<void> = Promise.resolve();
    try {
      const position = await this.lease.position();
      const planner = await this.planner();
      pumping = this.pump(position, signal);
      await this.disableOverfull(planner);
      await this.takeAll(planner, position);
    } finally {
      over.abort();
      this.seen.close();
      await pumping;
    }
  }

  private async planner(): Promise<DeliveryPlanner> {
    const projects = new Projects(this.dependencies.log, this.pace.projects);
    return new DeliveryPlanner(
      await this.lease.subscriptions(),
      (recorded) => projects.of(recorded),
      ({ stream, revision }, error) =>
        this.callbacks.onError(
          `Event ${revision} of ${stream} is not what a webhook's should be, and is passed over`,
          error,
        ),
    );
  }

  private async pump(after: bigint | 'start', signal: AbortSignal): Promise<void> {
    const { log, clock, ids } = this.dependencies;
    const onError = (error: unknown) =>
      this.callbacks.onError('The subscription of the webhooks was lost and is opened again', error);
    const prefix = [STREAM_PREFIX, WEBHOOK_STREAM_PREFIX];
    signal.addEventListener('abort', () => this.seen.close(), { once: true });
    for await (const each of followLog({ log, clock, ids, prefix, after, signal, onError }))
      if (!(await this.seen.put(each))) break;
    this.seen.close();
  }

  private async takeAll(planner: DeliveryPlanner, begin: bigint | 'start'): Promise<void> {
    let at = begin;
    let movedAt = 0;
    let last: LogMark | null = null;
    for (;;) {
      const batch = await this.seen.take(this.pace.batch);
      if (batch.length === 0) return;
      let to = at;
      const steps: QueueStep[] = [];
      for (const each of batch) {
        const position = positionOf(each);
        // What the log delivers again after a lost subscription was taken in before.
        if (position === null || !isAfter(position, to)) continue;
        if (each.kind === 'event') steps.push(...(await planner.stepsFor(each.event)));
        if (each.kind === 'event') last = each.event;
        to = position;
      }
      const now = this.dependencies.clock.now().getTime();
      const isWorthIt = steps.length > 0 || now - movedAt >= this.pace.positionEveryMs;
      if (to === at || to === 'start' || !isWorthIt) continue;
      for (const webhookId of await this.lease.take(steps, at, to, last)) planner.becameOverfull(webhookId);
      at = to;
      movedAt = now;
      if (steps.length > 0) this.callbacks.queued();
      await this.disableOverfull(planner);
    }
  }

  /** Until the subscription is disabled nothing is queued for it; after a failure the next batch tries again. */
  private async disableOverfull(planner: DeliveryPlanner): Promise<void> {
    for (const webhookId of planner.overfull()) {
      const onError = (error: unknown) =>
        this.callbacks.onError(`Webhook ${webhookId} could not be disabled yet`, error);
      await this.callbacks.overfull(webhookId).catch(onError);
    }
  }
}

const isAfter = (position: bigint, other: bigint | 'start'): boolean => other === 'start' || position > other;
