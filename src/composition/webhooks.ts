import type { OnError } from '../application/runtime/errors.js';
/** Wires what tells subscribers of events over HTTP. */
import { Logger, type Provider } from '@nestjs/common';
import type { DataSource } from 'typeorm';
import { type Clock, every } from '../application/runtime/clock.js';
import { webhookCommandHandlers } from '../application/commands/webhooks.js';
import type { EventLog } from '../application/log/event-log.js';
import type { Ids } from '../application/log/ids.js';
import { webhookQueryHandlers } from '../application/webhooks/webhook-queries.js';
import { DEFAULT_WEBHOOK_PACE, type WebhookLimits } from '../application/webhooks/limits.js';
import { WebhookDeliverer } from '../application/webhooks/webhook-deliverer.js';
import { WebhookFollower } from '../application/webhooks/webhook-follower.js';
import { WebhookStore } from '../application/webhooks/webhook-store.js';
import { Webhooks } from '../application/webhooks/webhooks.js';
import { leadNotices } from '../application/runtime/notices.js';
import type { DisableCause } from '../domain/webhook/webhook.js';
import type { Config } from '../infrastructure/config/config.js';
import { readyUnlessAway } from '../infrastructure/postgres/session/pg-client.js';
import {
  DEFAULT_WEBHOOK_QUEUE_LIMITS,
  PostgresWebhookQueue,
} from '../infrastructure/postgres/webhooks/postgres-webhook-queue.js';
import { PostgresWebhookStore } from '../infrastructure/postgres/webhooks/postgres-webhook-store.js';
import { HttpWebhookSender } from '../infrastructure/webhooks/http-webhook-sender.js';
import { senderLimits, targetRules, webhookLimits } from './limits.js';
import { tellLog } from './notices.js';

type Parts = Readonly<{ config: Config; dataSource: DataSource; log: EventLog; clock: Clock; ids: Ids }>;

export const webhookProviders = (parts: Parts, onError: OnError): Provider[] => {
  const { config, dataSource, clock, log, ids } = parts;
  const limits = webhookLimits(config);
  const sender = new HttpWebhookSender(clock, targetRules(config), senderLimits(config));
  const queue = new PostgresWebhookQueue(dataSource, { ...DEFAULT_WEBHOOK_QUEUE_LIMITS, queued: limits.queued });
  const store = readyUnlessAway(new PostgresWebhookStore(dataSource));
  const webhooks = new Webhooks({ log, store, queue: readyUnlessAway(queue), sender, clock, ids }, limits);
  const disable = async (webhookId: string, cause: DisableCause, reason: string) => {
    if (await webhooks.disableBySystem(webhookId, cause, reason))
      logger.warn(`Webhook ${webhookId} is disabled now: ${reason}`);
  };
  const deliverer = new WebhookDeliverer({ log, queue, sender, clock, ids }, limits, DEFAULT_WEBHOOK_PACE, {
    disable,
    onError,
  });
  const follower = new WebhookFollower({ log, queue, clock, ids }, DEFAULT_WEBHOOK_PACE, {
    overfull: (id) => disable(id, 'queue_full', `More than ${limits.queued} deliveries wait`),
    queued: () => deliverer.wake(),
    onError,
    notices: leadNotices('queues deliveries of webhooks', tellLog('Webhooks')),
  });
  const loops = new WebhookLoops(follower, deliverer, sender, () => forgetOld(store, limits), clock, onError);
  return [
    { provide: WebhookStore, useValue: store },
    { provide: Webhooks, useValue: webhooks },
    { provide: WebhookLoops, useValue: loops },
    ...webhookCommandHandlers,
    ...webhookQueryHandlers,
  ];
};

const logger = new Logger('Webhooks');

/** In small parts, so that nobody waits for it. */
const forgetOld = async (store: WebhookStore, { keepMs, keepRows }: WebhookLimits): Promise<void> => {
  const { forgetBatch: batch, forgetBatches } = DEFAULT_WEBHOOK_PACE;
  for (let done = 0; done < forgetBatches; done++)
    if ((await store.forget({ keepMs, keepRows, batch })) < batch) return;
};

/** What has to run on each instance for it. */
export class WebhookLoops {
  private readonly ending = new AbortController();
  private forgetting: Promise<void> = Promise.resolve();

  constructor(
    private readonly follower: WebhookFollower,
    private readonly deliverer: WebhookDeliverer,
    private readonly sender: HttpWebhookSender,
    private readonly forget: () => Promise<void>,
    private readonly clock: Clock,
    private readonly onError: OnError,
  ) {}

  start(): void {
    this.follower.start();
    this.deliverer.start();
    const told = (error: unknown) => this.onError('Old deliveries of webhooks could not be deleted', error);
    const { forgetEveryMs } = DEFAULT_WEBHOOK_PACE;
    this.forgetting = every(this.clock, forgetEveryMs, this.ending.signal, this.forget, told);
  }

  async stop(): Promise<void> {
    this.ending.abort();
    await Promise.all([this.follower.stop(), this.deliverer.stop(), this.forgetting]);
    await this.sender.close();
  }
}
