import type { EventBroadcaster, Following, Subscriber } from './event-broadcaster.js';
import type { Semaphore } from '../runtime/bounded-concurrency.js';
import { endOf, stateAfter, type LiveEvent } from './live-event.js';
import type { LiveSource } from './live-source.js';
import type { Feed, Page, Snapshot } from './live-stream.js';
import type { Overview } from '../queries/read-model.js';

export type Reading = Readonly<{
  hub: EventBroadcaster;
  source: LiveSource;
  gate: Semaphore;
  limits: Readonly<{ pageEvents: number }>;
}>;

/** The history of one execution. Its rows are always written in order, so that none of them is ever late. */
export class OneExecution implements Feed {
  readonly tellsLate = false;

  constructor(
    private readonly reading: Reading,
    private readonly executionId: string,
    private readonly now: () => Promise<Overview>,
  ) {}

  follow(subscriber: Subscriber): Following {
    return this.reading.hub.follow(this.executionId, subscriber);
  }

  async snapshot(): Promise<Snapshot> {
    const { execution, steps = [] } = await this.now();
    return {
      position: BigInt(execution.position),
      data: { execution, steps },
      ended: endOf(execution.current_state),
    };
  }

  async read(after: bigint): Promise<Page> {
    const { source, gate, limits } = this.reading;
    const events = await gate.pass(() => source.ofExecution(this.executionId, after, limits.pageEvents));
    return { events, hasMore: events.length === limits.pageEvents };
  }

  told(): 'event' {
    return 'event';
  }

  endedBy(event: LiveEvent): string | null {
    return endOf(stateAfter(event));
  }
}
