/** Subscriptions as commands see them: their streams in the log, and what is kept beside it. */
import type { Scope } from '../../domain/access/grants.js';
import {
  isReachWithin,
  readWebhookEvent,
  webhook,
  webhookStream,
  type DisableCause,
  type WebhookCommand,
  type WebhookSubscribed,
  type WebhookState,
} from '../../domain/webhook/webhook.js';
import { CommandRejected } from '../../domain/decider.js';
import type { Clock } from '../runtime/clock.js';
import type { CommandContext } from '../log/envelope.js';
import { IdempotencyKeyReused, InvalidRequest, NotFound, type OnError } from '../runtime/errors.js';
import { AppendRefused, type EventLog } from '../log/event-log.js';
import { hashOf } from '../log/event-hash.js';
import type { ForeignEvents } from '../log/foreign-events.js';
import type { Ids } from '../log/ids.js';
import { untilSettled } from '../queries/revision-waits.js';
import { SmallStream, type SmallOutcome } from '../log/small-stream.js';
import type { WebhookLimits } from './limits.js';
import { refuseUnknown, targetOf, type SubscribeRequest, type WebhookSender } from './message.js';
import type { WebhookQueue } from './webhook-queue.js';
import type { DeliveryView, WebhookStore, WebhookView } from './webhook-store.js';

const streams = new SmallStream(webhook, readWebhookEvent);

type Ports = Readonly<{
  log: EventLog;
  store: WebhookStore;
  queue: WebhookQueue;
  sender: WebhookSender;
  clock: Clock;
  ids: Ids;
  foreign?: ForeignEvents;
}>;

export type WebhookOutcome = Readonly<{
  webhookId: string;
  /** Null where it was removed, or where the queue has not taken the change in yet. */
  webhook: WebhookView | null;
  changed: boolean;
  position: bigint | null;
}>;

/** They carry no data but who gave them, why and when. */
export type PlainOrder = 'EnableWebhook' | 'TestWebhook' | 'RemoveWebhook';

export class Webhooks {
  /** Those that the log does not let the system disable. It was asked once, and each delivery would ask again. */
  private readonly refused = new Set<string>();

  constructor(
    private readonly ports: Ports,
    private readonly limits: WebhookLimits,
    private readonly onError: OnError = () => undefined,
  ) {}

  /** @throws InvalidRequest, IdempotencyKeyReused, LogUnavailable */
  async subscribe(
    webhookId: string,
    { url, description, filter, scope }: SubscribeRequest,
    context: CommandContext,
  ): Promise<WebhookOutcome & Readonly<{ secret: string }>> {
    const { log, store, queue, sender } = this.ports;
    const refusal = sender.refusalOf(url);
    if (refusal !== null) throw new InvalidRequest('TARGET_NOT_ALLOWED', `url: ${refusal}`);
    refuseUnknown(filter.eventTypes);
    await queue.begin(await log.head());
    const secret = await store.prepare(webhookId, url, this.limits.subscriptions);
    if (secret === null) {
      const message = `There are ${this.limits.subscriptions} webhooks, which is as many as may be; delete one first`;
      throw new InvalidRequest('TOO_MANY_WEBHOOKS', message);
    }
    const narrow = scope === 'all' ? {} : { projects: scope };
    const data = { ...orderOf(context), webhookId, target: targetOf(url), description, filter, ...narrow };
    const outcome = await this.execute(webhookId, { type: 'SubscribeWebhook', data }, context);
    const made = outcome.folded.state;
    const isSame = made?.status !== 'removed' && hashOf(pick(data)) === hashOf(pick(made?.subscribed ?? data));
    if (!isSame) {
      throw new IdempotencyKeyReused(
        'The Idempotency-Key was used for another webhook, or for one that was deleted; use a new key',
      );
    }
    return { ...(await this.settled(webhookId, outcome)), secret };
  }

  /** @throws CommandRejected, LogUnavailable, NotFound where there is none within the scope */
  async order(webhookId: string, type: PlainOrder, context: CommandContext, scope: Scope): Promise<WebhookOutcome> {
    await this.known(webhookId, scope);
    return this.settled(webhookId, await this.execute(webhookId, { type, data: orderOf(context) }, context));
  }

  async disable(
    webhookId: string,
    cause: DisableCause,
    context: CommandContext,
    scope: Scope,
  ): Promise<WebhookOutcome> {
    await this.known(webhookId, scope);
    const data = { ...orderOf(context), cause };
    return this.settled(webhookId, await this.execute(webhookId, { type: 'DisableWebhook', data }, context));
  }

  /** @returns whether it was enabled until now. What was removed meanwhile is disabled enough. */
  async disableBySystem(webhookId: string, cause: DisableCause, reason: string): Promise<boolean> {
    if (this.refused.has(webhookId)) return false;
    const { ids, clock } = this.ports;
    const actor = { type: 'system', id: 'webhooks' } as const;
    const command = { commandId: ids.uuid(), at: clock.now(), actor, reason, causationId: null, traceparent: null };
    try {
      const data = { ...orderOf(command), cause };
      return (await this.execute(webhookId, { type: 'DisableWebhook', data }, command)).changed;
    } catch (error) {
      if (error instanceof CommandRejected) return false;
      if (!(error instanceof AppendRefused)) throw error;
      this.refused.add(webhookId);
      this.onError(`Webhook ${webhookId} cannot be disabled (${reason}): deliveries to it go on, and fail`, error);
      return false;
    }
  }

  /** @param overlapMs how long the secrets until now are valid beside the new one; 0 ends them, however many there are */
  async rotate(
    webhookId: string,
    overlapMs: number,
    context: CommandContext,
    scope: Scope,
  ): Promise<WebhookOutcome & Readonly<{ secret: string; secretId: string }>> {
    await this.known(webhookId, scope);
    const secretId = context.commandId;
    const secret = await this.ports.store.prepareSecret(webhookId, secretId, {
      most: this.limits.secrets,
      endsOthers: overlapMs === 0,
    });
    if (secret === null) {
      throw new InvalidRequest(
        'TOO_MANY_SECRETS',
        `The webhook has ${this.limits.secrets} secrets, which is as many as may be; wait until one has expired, or end them all with overlap_seconds 0`,
      );
    }
    const data = { ...orderOf(context), secretId, overlapMs };
    const outcome = await this.execute(webhookId, { type: 'RotateWebhookSecret', data }, context);
    const settled = await this.settled(webhookId, outcome);
    if (!outcome.changed && !settled.webhook?.secrets.some(({ id }) => id === secretId)) {
      throw new IdempotencyKeyReused('The Idempotency-Key made a secret that has expired; use a new key');
    }
    return { ...settled, secret, secretId };
  }

  /** @throws NotFound, CommandRejected where it is disabled */
  async redeliver(webhookId: string, deliveryId: string, scope: Scope): Promise<DeliveryView> {
    const { status } = await this.known(webhookId, scope);
    if (status === 'disabled') {
      throw new CommandRejected('Conflict', 'The webhook is disabled and delivers nothing; enable it first', {
        current_state: status,
        allowed_actions: ['enable', 'delete'],
      });
    }
    const delivery = await this.ports.store.redeliver(webhookId, deliveryId);
    if (!delivery) throw new NotFound(`Webhook ${webhookId} has no delivery ${deliveryId}, or no longer`);
    return delivery;
  }

  /** @throws NotFound, in the same words for one that reaches beyond the scope as for none */
  async known(webhookId: string, scope: Scope): Promise<WebhookView> {
    const { store } = this.ports;
    const reach = scope === 'all' ? undefined : await store.reachOf(webhookId);
    const isSeen = reach === undefined || (reach !== null && isReachWithin(reach, scope));
    const found = isSeen ? await store.find(webhookId) : null;
    if (!found) throw new NotFound(`There is no webhook ${webhookId}`);
    return found;
  }

  /** Oldest first. */
  async within(scope: Scope): Promise<readonly WebhookView[]> {
    const all = await this.ports.store.list();
    return all.filter(({ filter: { projectId }, projects }) => isReachWithin({ projectId, projects }, scope));
  }

  private execute(webhookId: string, command: WebhookCommand, context: CommandContext): Promise<Outcome> {
    return streams.execute(this.ports, webhookStream(webhookId), command, context);
  }

  /** Waits for the queue to take the change in, so that what is asked next is answered accordingly. */
  private async settled(webhookId: string, { folded, changed, position }: Outcome): Promise<WebhookOutcome> {
    const isRemoved = folded.state?.status === 'removed';
    const find = () => this.ports.store.find(webhookId);
    const isTakenIn = (view: WebhookView | null) =>
      isRemoved
        ? view === null
        : view !== null && folded.revision !== 'none' && BigInt(view.revision) >= folded.revision;
    return { webhookId, webhook: await untilSettled(this.ports.clock, find, isTakenIn), changed, position };
  }
}

type Outcome = SmallOutcome<WebhookState>;

const orderOf = ({ actor, reason, at }: CommandContext) => ({ actor, reason, at: at.toISOString() });

const pick = ({
  target,
  description,
  filter,
  projects,
}: Pick<WebhookSubscribed, 'target' | 'description' | 'filter' | 'projects'>) => ({
  ...{ target, description, filter },
  ...(projects && { projects }),
});
