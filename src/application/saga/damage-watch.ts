import { STREAM_PREFIX } from '../../domain/workflow/index.js';
import { HistoryDamaged, type EventLog } from '../log/event-log.js';
import { followLog } from '../log/follow-log.js';
import type { Ids } from '../log/ids.js';
import { every, type Clock } from '../runtime/clock.js';
import type { OnError } from '../runtime/errors.js';
import type { DamageReports } from '../workflow/damage-reports.js';
import type { DamagedHistories } from '../workflow/histories.js';
import type { Workflows } from '../workflow/workflows.js';
import type { WorkflowSaga } from './workflow-saga.js';

/**
 * Where a server keeps what someone says of an execution's stream. This application says nothing of them: an event here is an
 * operator's, who has a beginning cut off, or all of it deleted, or who takes that back.
 */
export const METADATA_PREFIX = `$$${STREAM_PREFIX}`;

type DamageWatchLimits = Readonly<{
  /** Between two looks at histories that are damaged, and how many of them one look reads. */
  recheckMs: number;
  recheckBatch: number;
}>;

const DEFAULT_DAMAGE_WATCH_LIMITS: DamageWatchLimits = { recheckMs: 60_000, recheckBatch: 20 };

type Dependencies = Readonly<{
  log: EventLog;
  clock: Clock;
  ids: Ids;
  workflows: Workflows;
  damaged: DamagedHistories;
  reports: DamageReports;
  saga: Pick<WorkflowSaga, 'restored'>;
}>;

/**
 * Looks at a history when the metadata of its stream change, before an instance decides on what it remembers; and now and then
 * at those that are damaged: one that an operator has restored continues.
 */
export class DamageWatch {
  private readonly ending = new AbortController();
  private loops: Promise<unknown> = Promise.resolve();
  private checkedTo: string | null = null;

  constructor(
    private readonly dependencies: Dependencies,
    private readonly onError: OnError,
    private readonly limits: DamageWatchLimits = DEFAULT_DAMAGE_WATCH_LIMITS,
  ) {}

  /** @param after a position; an instance that has just started remembers no history from before it */
  start(after: bigint | 'start'): void {
    const { signal } = this.ending;
    const logError = (what: string) => (error: unknown) => this.onError(`${what} failed and is tried again`, error);
    const recheckFailed = logError('Looking at damaged histories');
    this.loops = Promise.all([
      every(this.dependencies.clock, this.limits.recheckMs, signal, () => this.recheck(), recheckFailed),
      this.follow(after, logError("Following the metadata of executions' streams")),
    ]);
  }

  async stop(): Promise<void> {
    this.ending.abort();
    await this.loops;
  }

  /** @returns whether the history is whole. @throws LogUnavailable */
  async look(executionId: string): Promise<boolean> {
    const { workflows, reports, saga } = this.dependencies;
    try {
      await workflows.reread(executionId);
    } catch (error) {
      if (error instanceof HistoryDamaged) return false;
      throw error;
    }
    if (await reports.whole(executionId)) saga.restored(executionId);
    return true;
  }

  private async recheck(): Promise<void> {
    const { recheckBatch } = this.limits;
    const page = await this.dependencies.damaged.list(this.checkedTo, recheckBatch);
    this.checkedTo = page.length < recheckBatch ? null : page.at(-1)!.executionId;
    for (const { executionId } of page) await this.look(executionId);
  }

  private async follow(after: bigint | 'start', onError: (error: unknown) => void): Promise<void> {
    const { log, clock, ids } = this.dependencies;
    const { signal } = this.ending;
    for await (const seen of followLog({ log, clock, ids, prefix: METADATA_PREFIX, after, signal, onError }))
      if (seen.kind === 'event') await this.look(seen.event.stream.slice(METADATA_PREFIX.length)).catch(onError);
  }
}
