import type { OnError } from '../runtime/errors.js';
import type { StreamTombstoned } from '../log/event-log.js';

const REMEMBERED = 10_000;

/** Executions whose stream was tombstoned. Each is logged once: it is still due in the read tables, and each sweep finds it there. */
export class EndedStreams {
  private readonly told = new Set<string>();

  constructor(private readonly onError: OnError) {}

  tell(executionId: string, error: StreamTombstoned): void {
    if (this.told.has(executionId)) return;
    if (this.told.size >= REMEMBERED) this.told.clear();
    this.told.add(executionId);
    this.onError(`Execution ${executionId} is not taken further`, error);
  }
}
