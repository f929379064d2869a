import { Query, QueryHandler, type IQueryHandler } from '@nestjs/cqrs';
import type { RecordedEvent } from '../../log/event-log.js';
import type { SignedTreeHead } from '../signed-tree-head.js';
import type { Lineage } from './lineage.js';

export type AuditPack = Readonly<{ name: string; content: Uint8Array }>;

export abstract class AuditPacks {
  /**
   * @throws NotFound, or NotReady where no signed checkpoint covers the latest event in time
   * @throws InvalidRequest where the artifacts are more bytes than a pack may have
   * @throws CallerLeft where `signal` is aborted before it is made
   */
  abstract of(executionId: string, signal?: AbortSignal): Promise<AuditPack>;
}

/** Everything that proves one execution's history to a reader who has nothing else, as one ZIP. */
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

/** Content by path inside the pack. */
export type PackFiles = Readonly<Record<string, Uint8Array>>;

/** What the report for people shows. */
export type PackReport = Readonly<{
  executionId: string;
  madeAt: Date;
  events: readonly RecordedEvent[];
  lineage: readonly Lineage[];
  checkpoint: SignedTreeHead;
}>;

/** How a pack looks from outside. */
export abstract class PackFormat {
  /** The program that checks a pack: one file without dependencies. */
  abstract verifier(): Promise<Uint8Array>;
  /** PDF. */
  abstract report(report: PackReport): Promise<Uint8Array>;
  /** One ZIP. Its comment is `sign` of a text with the SHA-256 of all bytes before it: no byte of it is free. */
  abstract zip(files: PackFiles, madeAt: Date, sign: (text: string) => string): Promise<Uint8Array>;
}
