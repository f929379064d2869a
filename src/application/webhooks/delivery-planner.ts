/** From the log to what subscribers are owed: a fold that carries the subscriptions along. */
import { mayMatch } from '../../domain/webhook/matching.js';
import { readWebhookEvent, webhookIdOf, WEBHOOK_STREAM_PREFIX } from '../../domain/webhook/webhook.js';
import { executionIdOf } from '../../domain/workflow/index.js';
import { isTombstone, type RecordedEvent } from '../log/event-log.js';
import { webhookDeliveryId } from '../log/ids.js';
import type { QueueStep, Subscription } from './webhook-queue.js';

type ProjectOf = (recorded: RecordedEvent) => Promise<string | null>;

export class DeliveryPlanner {
  private readonly subscriptions: Map<string, Subscription>;

  /** @param onUnreadable told of an event of a subscription's stream that is not what this application writes */
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
          this.subscriptions.set(webhookId, { filter: event.data.filter, isEnabled: true, isOverfull: false });
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
    for (const [webhookId, { filter, isEnabled, isOverfull }] of this.subscriptions) {
      if (!isEnabled || isOverfull || !mayMatch(filter, { type: recorded.type, executionId })) continue;
      const { projectId } = filter;
      if (projectId !== null && projectId !== (await this.projectOf(recorded))) continue;
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
