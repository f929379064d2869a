import { Query, QueryHandler, type IQueryHandler } from '@nestjs/cqrs';
import { workflowStream } from '../../domain/workflow/index.js';
import { HistoryDamaged } from '../log/event-log.js';
import { NotFound, NotReady } from '../runtime/errors.js';
import { HeldBackExecutions, type HeldBack } from '../workflow/held-back.js';
import { Workflows } from '../workflow/workflows.js';
import { ArtifactStore } from '../workflow/artifacts.js';
import { ReadModel, type ExecutionView, type Overview } from './read-model.js';
import { RevisionWaits } from './revision-waits.js';

/** The latest events that come with an execution; the whole history has a query of its own. */
export const EVENTS_WITH_EXECUTION = 1_000;

/** The revision of the first event of a stream. */
const FIRST = 0n;

export type ExecutionAnswer = Overview &
  Readonly<{
    behind: boolean;
    /** Why this instance does not take it further; null where it does. */
    heldBack: HeldBack | null;
  }>;

/** Eventually consistent; with `minRevision` it waits up to 2 s for the read tables to hold at least that revision. */
export class GetExecution extends Query<ExecutionAnswer> {
  constructor(
    readonly executionId: string,
    readonly include: Readonly<{ steps: boolean; events: boolean }>,
    readonly minRevision: bigint | null,
    /** Aborted when the client no longer waits for the answer. */
    readonly signal?: AbortSignal,
  ) {
    super();
  }
}

@QueryHandler(GetExecution)
export class GetExecutionHandler implements IQueryHandler<GetExecution> {
  private readonly reads = new Map<string, Promise<Overview | null>>();

  constructor(
    private readonly readModel: ReadModel,
    private readonly workflows: Workflows,
    private readonly waits: RevisionWaits,
    private readonly heldBack: HeldBackExecutions,
  ) {}

  async execute({ executionId, include, minRevision, signal }: GetExecution): Promise<ExecutionAnswer> {
    const reaches = (overview: Overview) => minRevision === null || BigInt(overview.execution.revision) >= minRevision;
    let found = minRevision === null ? await this.read(executionId, include) : null;
    if (!found) {
      // Nothing but the revision is looked at as long as it is not the one that was asked for.
      const revision = await this.waits.present(executionId);
      // Not in the read tables is not the same as not there: what was started a moment ago is in the log already.
      if (revision === undefined && !(await this.isInLog(executionId)))
        throw new NotFound(`There is no execution ${executionId}`);
      const wanted = minRevision ?? FIRST;
      if (revision === undefined || revision < wanted) await this.waits.until(executionId, wanted, signal);
      found = await this.shared(executionId, include, reaches);
    }
    if (!found) throw new NotReady(`Execution ${executionId} exists, the read tables do not show it yet; ask again`);
    return { ...found, behind: !reaches(found), heldBack: this.heldBack.of(executionId) };
  }

  /** Many clients wait for one event and most of them ask for the same: it is read once where that is enough for them. */
  private async shared(
    executionId: string,
    include: GetExecution['include'],
    isEnough: (overview: Overview) => boolean,
  ): Promise<Overview | null> {
    const key = `${executionId} ${include.steps} ${include.events}`;
    const underWay = this.reads.get(key);
    const theirs = underWay && (await underWay.catch(() => null));
    if (theirs && isEnough(theirs)) return theirs;
    const own = this.read(executionId, include).finally(() => {
      if (this.reads.get(key) === own) this.reads.delete(key);
    });
    this.reads.set(key, own);
    return own;
  }

  private read(executionId: string, { steps, events }: GetExecution['include']): Promise<Overview | null> {
    return this.readModel.overview(executionId, { steps, events: events && { limit: EVENTS_WITH_EXECUTION } });
  }

  private async isInLog(executionId: string): Promise<boolean> {
    return (await this.workflows.load(executionId)).state.status !== 'none';
  }
}

/** For what is made of a history as it goes on. @throws HistoryDamaged */
export const mustBeWhole = ({ id, damage }: ExecutionView): void => {
  if (damage) throw new HistoryDamaged(workflowStream(id), damage.kind, damage.message);
};

type ArtifactAnswer = Readonly<{ name: string; sha256: string; contentType: string; content: Uint8Array }>;

/** The latest file of that name that a completed step of the execution made. */
export class GetArtifact extends Query<ArtifactAnswer> {
  constructor(
    readonly executionId: string,
    readonly name: string,
  ) {
    super();
  }
}

@QueryHandler(GetArtifact)
export class GetArtifactHandler implements IQueryHandler<GetArtifact> {
  constructor(
    private readonly readModel: ReadModel,
    private readonly artifacts: ArtifactStore,
  ) {}

  async execute({ executionId, name }: GetArtifact): Promise<ArtifactAnswer> {
    const ref = await this.readModel.artifact(executionId, name);
    if (!ref) throw new NotFound(`Execution ${executionId} has no artifact ${name}`);
    const { content } = await this.artifacts.mustGet(ref.sha256, name);
    return { name, sha256: ref.sha256, contentType: ref.contentType, content };
  }
}
