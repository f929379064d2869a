import type { Overview } from '../queries/read-model.js';
import type { EventBroadcaster } from './event-broadcaster.js';
import { Semaphore } from '../runtime/bounded-concurrency.js';
import type { StreamFilter } from './live-event.js';
import type { LiveSource } from './live-source.js';
import { LiveStream, type StreamSink } from './live-stream.js';
import { ManyExecutions } from './many-executions.js';
import { OneExecution } from './one-execution.js';
import type { StreamLimits } from './stream-limits.js';

/** Streams of what happens, for one client each; they share one follower of the changes and a bounded number of reads. */
export class LiveStreams {
  private readonly gate: Semaphore;

  constructor(
    private readonly hub: EventBroadcaster,
    private readonly source: LiveSource,
    private readonly limits: StreamLimits,
  ) {
    this.gate = new Semaphore(limits.readsAtOnce);
  }

  /** @param now the execution with its steps, as the read tables show it */
  ofOne(executionId: string, now: () => Promise<Overview>, sink: StreamSink): LiveStream {
    const feed = new OneExecution(this.reading, executionId, () => this.gate.pass(now));
    return new LiveStream(feed, sink, this.limits);
  }

  ofMany(filter: StreamFilter, sink: StreamSink): LiveStream {
    return new LiveStream(new ManyExecutions(this.reading, filter), sink, this.limits);
  }

  private get reading() {
    const { hub, source, gate, limits } = this;
    return { hub, source, gate, limits };
  }
}
