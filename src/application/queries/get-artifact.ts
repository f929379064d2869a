import { Query, QueryHandler, type IQueryHandler } from '@nestjs/cqrs';
import { ArtifactStore } from '../workflow/artifacts.js';
import { NotFound } from '../runtime/errors.js';
import { ReadModel } from './read-model.js';

export type ArtifactAnswer = Readonly<{ name: string; sha256: string; contentType: string; content: Uint8Array }>;

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
