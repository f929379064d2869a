import { executionIdOf, workflowStream } from '../../domain/workflow/index.js';
import { StreamTombstoned, type EventLog, type RecordedEvent } from '../log/event-log.js';

/** Which project an execution belongs to: its first event says so. */
export class Projects {
  private readonly known = new Map<string, string | null>();

  /** @param remembered executions, the latest that were asked for */
  constructor(
    private readonly log: EventLog,
    private readonly remembered: number,
  ) {}

  /** Null where the first event does not tell, or can be read no more. @throws LogUnavailable */
  async of(recorded: RecordedEvent): Promise<string | null> {
    const executionId = executionIdOf(recorded.stream);
    const known = this.known.get(executionId);
    if (known !== undefined) return known;
    const first = recorded.revision === 0n ? recorded : await this.firstEvent(executionId);
    const { projectId } = (first?.data ?? {}) as Readonly<{ projectId?: unknown }>;
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
