import type { EventView } from '../queries/read-model.js';
import type { Standing } from './live-source.js';

/** What was last told of executions; those that nothing was told of for longest are forgotten. */
export class LastKnownStates {
  private readonly known = new Map<string, Standing>();

  constructor(private readonly limit: number) {}

  /** What is known before this event; the first event of an execution tells it by itself. */
  before(event: EventView): Standing | undefined {
    const known = this.known.get(event.execution_id);
    return known ?? (event.event_type === 'WorkflowStarted' && event.revision === '0' ? born(event) : undefined);
  }

  set(executionId: string, standing: Standing): void {
    this.known.delete(executionId);
    this.known.set(executionId, standing);
    if (this.known.size <= this.limit) return;
    const [oldest] = this.known.keys();
    if (oldest !== undefined) this.known.delete(oldest);
  }

  clear(): void {
    this.known.clear();
  }
}

const born = ({ data }: EventView): Standing => {
  const { projectId } = (data ?? {}) as Readonly<{ projectId?: unknown }>;
  return { projectId: typeof projectId === 'string' ? projectId : null, state: null, revision: -1n };
};
