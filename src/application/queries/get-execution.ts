import { Query, QueryHandler, type IQueryHandler } from '@nestjs/cqrs';
import { Clock } from '../clock.js';
import { NotFound, NotReady } from '../errors.js';
import { Workflows } from '../workflows.js';
import { ReadModel, type Overview } from './read-model.js';
import { untilSettled } from './settled.js';

/** The latest events that come with an execution; the whole history has a query of its own. */
export const EVENTS_WITH_EXECUTION = 1_000;

export type ExecutionAnswer = Overview & Readonly<{ behind: boolean }>;

/** Eventually consistent; with `minRevision` it waits up to 2 s for the read tables to hold at least that revision. */
export class GetExecution extends Query<ExecutionAnswer> {
  constructor(
    readonly executionId: string,
    readonly include: Readonly<{ steps: boolean; events: boolean }>,
    readonly minRevision: bigint | null,
  ) {
    super();
  }
}

@QueryHandler(GetExecution)
export class GetExecutionHandler implements IQueryHandler<GetExecution> {
  constructor(
    private readonly readModel: ReadModel,
    private readonly workflows: Workflows,
    private readonly clock: Clock,
  ) {}

  async execute({ executionId, include, minRevision }: GetExecution): Promise<ExecutionAnswer> {
    const parts = { steps: include.steps, events: include.events && { limit: EVENTS_WITH_EXECUTION } };
    const ask = () => this.readModel.overview(executionId, parts);
    const reaches = (found: Overview | null) =>
      found !== null && (minRevision === null || BigInt(found.execution.revision) >= minRevision);

    let found = await ask();
    if (!found || !reaches(found)) {
      // Not in the read tables is not the same as not there: what was started a moment ago is in the log already.
      if (!found && !(await this.isInLog(executionId))) throw new NotFound(`There is no execution ${executionId}`);
      found = await untilSettled(this.clock, ask, reaches);
    }
    if (!found) throw new NotReady(`Execution ${executionId} exists, the read tables do not show it yet; ask again`);
    return { ...found, behind: !reaches(found) };
  }

  private async isInLog(executionId: string): Promise<boolean> {
    return (await this.workflows.load(executionId)).state.status !== 'none';
  }
}
