import { Query, QueryHandler, type IQueryHandler } from '@nestjs/cqrs';
import type { Directory } from '../../domain/access/directory.js';
import { AccessDirectory } from './access-directory.js';
import { AccessLogPages, type AccessLogAsked, type AccessLogPage } from './access-log-pages.js';
import { KeyUses } from './key-uses.js';

/** `uses`: when each key was last used, by id; keys that never were are not in it. */
export type DirectoryNow = Readonly<{ directory: Directory; uses: ReadonlyMap<string, Date> }>;

/** Keys, grants and persons as the log has them now. `uses`: whether the times of use are wanted, which are in the database. */
export class ReadDirectory extends Query<DirectoryNow> {
  constructor(readonly uses: boolean = false) {
    super();
  }
}

@QueryHandler(ReadDirectory)
class ReadDirectoryHandler implements IQueryHandler<ReadDirectory> {
  constructor(
    private readonly directory: AccessDirectory,
    private readonly uses: KeyUses,
  ) {}

  async execute({ uses }: ReadDirectory): Promise<DirectoryNow> {
    const directory = await this.directory.refresh();
    return { directory, uses: uses ? await this.uses.all() : new Map<string, Date>() };
  }
}

/** What is recorded of access, newest first. */
export class ReadAccessLog extends Query<AccessLogPage> {
  constructor(readonly asked: AccessLogAsked) {
    super();
  }
}

@QueryHandler(ReadAccessLog)
class ReadAccessLogHandler implements IQueryHandler<ReadAccessLog> {
  constructor(private readonly pages: AccessLogPages) {}

  execute({ asked }: ReadAccessLog): Promise<AccessLogPage> {
    return this.pages.page(asked);
  }
}

export const accessQueryHandlers = [ReadDirectoryHandler, ReadAccessLogHandler];
