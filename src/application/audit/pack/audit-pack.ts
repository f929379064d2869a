import { Query, QueryHandler, type IQueryHandler } from '@nestjs/cqrs';

export type AuditPack = Readonly<{ name: string; content: Uint8Array }>;

export abstract class AuditPacks {
  /**
   * @throws NotFound, or NotReady where no signed checkpoint covers the latest event in time
   * @throws InvalidRequest where the artifacts are more bytes than a pack may have
   * @throws CallerLeft where `signal` is aborted before it is made
   */
  abstract of(executionId: string, signal?: AbortSignal): Promise<AuditPack>;
}

/** Everything that proves one execution's history to somebody who has nothing else, as one ZIP. */
export class GetAuditPack extends Query<AuditPack> {
  constructor(
    readonly executionId: string,
    readonly signal?: AbortSignal,
  ) {
    super();
  }
}

@QueryHandler(GetAuditPack)
export class GetAuditPackHandler implements IQueryHandler<GetAuditPack> {
  constructor(private readonly packs: AuditPacks) {}

  execute({ executionId, signal }: GetAuditPack): Promise<AuditPack> {
    return this.packs.of(executionId, signal);
  }
}
