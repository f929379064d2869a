import { RevisionConflict, type EventLog } from './event-log.js';
import type { Ids } from './ids.js';

/**
 * Nobody follows it, and it is no part of the audited history. The embedded node keeps nothing of it. EventStoreDB is asked to
 * show its last event only; a scavenge removes the others.
 */
export const PROBE_STREAM = 'health-probe';

/** A revision that no stream reaches. */
const NOWHERE = 2n ** 62n;

/** Whether the log takes an append now. */
export class WriteProbe {
  private isBounded = false;

  constructor(
    private readonly log: EventLog,
    private readonly ids: Ids,
  ) {}

  /** @throws what the log says where it does not */
  async write(): Promise<void> {
    const [last] = await this.log.readPage(PROBE_STREAM, { limit: 1, direction: 'backwards', from: 'end' });
    await this.append(PROBE_STREAM, 'HealthProbe', {}, last?.revision ?? 'none');
    // A user may be allowed to write the stream and not its metadata: the stream then grows, and the log can be written.
    if (last && !this.isBounded) await this.bound().catch(() => undefined);
  }

  /**
   * Whether it would take one: asks for a place that no stream has reached, so nothing is written.
   * @throws what the log says where it would not
   */
  async wouldWrite(): Promise<void> {
    await this.append(PROBE_STREAM, 'HealthProbe', {}, NOWHERE);
  }

  private async bound(): Promise<void> {
    await this.append(`$$${PROBE_STREAM}`, '$metadata', { $maxCount: 1 }, 'none');
    this.isBounded = true;
  }

  private async append(stream: string, type: string, data: Record<string, number>, expected: bigint | 'none') {
    try {
      await this.log.append(stream, [{ id: this.ids.uuid(), type, data, metadata: {} }], expected);
    } catch (error) {
      // Another instance has written meanwhile: the log takes appends.
      if (!(error instanceof RevisionConflict)) throw error;
    }
  }
}
