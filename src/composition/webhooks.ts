/** Deliveries of events to subscribers over HTTP. */
import { Logger } from '@nestjs/common';
import { webhookCommandHandlers } from '../application/commands/webhooks.js';
import { webhookQueryHandlers } from '../application/webhooks/webhook-queries.js';
import { ForeignEvents } from '../application/log/foreign-events.js';
import { every } from '../application/runtime/clock.js';
import { DEFAULT_WEBHOOK_PACE, type WebhookLimits } from '../application/webhooks/limits.js';
import { WebhookDeliverer } from '../application/webhooks/webhook-deliverer.js';
import { WebhookFollower } from '../application/webhooks/webhook-follower.js';
import { WebhookStore } from '../application/webhooks/webhook-store.js';
import { Webhooks } from '../application/webhooks/webhooks.js';
import { leadNotices } from '../application/runtime/leadership.js';
import type { DisableCause } from '../domain/webhook/webhook.js';
import type { Config } from '../infrastructure/config/config.js';
import { readyUnlessAway } from '../infrastructure/postgres/session/pg-client.js';
import { DEFAULT_LEASE_LIMITS } from '../infrastructure/postgres/session/lease.js';
import { PostgresWebhookQueue } from '../infrastructure/postgres/webhooks/postgres-webhook-queue.js';
import { PostgresWebhookStore } from '../infrastructure/postgres/webhooks/postgres-webhook-store.js';
import {
  DEFAULT_SENDER_LIMITS,
  HttpWebhookSender,
  type SenderLimits,
} from '../infrastructure/webhooks/http-webhook-sender.js';
import type { TargetRules } from '../infrastructure/webhooks/target-rules.js';
import { type Dependencies, type Feature, logErrors, tellLog } from './feature.js';

export const webhooks = ({ config, dataSource, clock, log, ids, outages }: Dependencies): Feature => {
  const onError = logErrors('Webhooks', outages);
  const limits = webhookLimits(config);
  const sender = new HttpWebhookSender(clock, targetRules(config), senderLimits(config));
  const queue = new PostgresWebhookQueue(dataSource, { ...DEFAULT_LEASE_LIMITS, queued: limits.queued });
  const store = readyUnlessAway(new PostgresWebhookStore(dataSource));
  const foreign = new ForeignEvents(tellLog('Webhooks'));
  const ports = { log, store, queue: readyUnlessAway(queue), sender, clock, ids, foreign };
  const subscriptions = new Webhooks(ports, limits, onError);
  const disable = async (webhookId: string, cause: DisableCause, reason: string) => {
    if (await subscriptions.disableBySystem(webhookId, cause, reason))
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
  const ending = new AbortController();
  let forgetting: Promise<void> = Promise.resolve();
  return {
    providers: [
      { provide: WebhookStore, useValue: store },
      { provide: Webhooks, useValue: subscriptions },
      ...webhookCommandHandlers,
      ...webhookQueryHandlers,
    ],
    start: () => {
      follower.start();
      deliverer.start();
      const failed = (error: unknown) => onError('Old deliveries of webhooks could not be deleted', error);
      const { forgetEveryMs } = DEFAULT_WEBHOOK_PACE;
      forgetting = every(clock, forgetEveryMs, ending.signal, () => forgetOld(store, limits), failed);
    },
    stop: async () => {
      ending.abort();
      await Promise.all([follower.stop(), deliverer.stop(), forgetting]);
      await sender.close();
    },
  };
};

const logger = new Logger('Webhooks');

/** In small batches, so that no other query waits long. */
const forgetOld = async (store: WebhookStore, { keepMs, keepRows }: WebhookLimits): Promise<void> => {
  const { forgetBatch: batch, forgetBatches } = DEFAULT_WEBHOOK_PACE;
  for (let done = 0; done < forgetBatches; done++)
    if ((await store.forget({ keepMs, keepRows, batch })) < batch) return;
};

const DAY_MS = 86_400_000;

const webhookLimits = (config: Config): WebhookLimits => ({
  subscriptions: config.webhookMaxSubscriptions,
  secrets: 5,
  attempts: config.webhookMaxConcurrentDeliveries,
  slowMs: config.webhookSlowMs,
  slowAttempts: config.webhookMaxSlowDeliveries,
  silentAttempts: config.webhookMaxConcurrentToSilent,
  attemptsPerTarget: config.webhookMaxConcurrentPerTarget,
  timeoutMs: config.webhookTimeoutMs,
  backOff: { firstMs: config.webhookFirstRetryMs, giveUpMs: config.webhookGiveUpMs },
  queued: config.webhookMaxQueued,
  bodyBytes: config.webhookMaxBodyBytes,
  keepMs: config.webhookKeepDays * DAY_MS,
  keepRows: config.webhookKeepDeliveries,
});

const senderLimits = (config: Config): SenderLimits => ({
  ...DEFAULT_SENDER_LIMITS,
  timeoutMs: config.webhookTimeoutMs,
  connectionsPerHost:
    config.webhookMaxConcurrentDeliveries + config.webhookMaxSlowDeliveries + config.webhookMaxConcurrentToSilent,
});

const targetRules = (config: Config): TargetRules => ({
  allowPrivate: config.webhookAllowPrivateTargets,
  allowHttp: config.webhookAllowHttp,
  ports: config.webhookAllowedPorts,
});
