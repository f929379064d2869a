/** Which project an execution belongs to, for those who may see some projects only. */
import { isInScope } from '../../domain/access/grants.js';
import type { Permission } from '../../domain/access/permissions.js';
import { workflowStream } from '../../domain/workflow/index.js';
import type { EventLog } from '../log/event-log.js';
import { NotFound } from '../runtime/errors.js';
import type { Principal } from './principal.js';

/** What the read tables say. */
export abstract class ProjectsInTables {
  /** Null where they have no such execution. */
  abstract projectOf(executionId: string): Promise<string | null>;
}

/** An execution keeps its project for ever. */
const REMEMBERED = 10_000;

export class ExecutionProjects {
  private readonly known = new Map<string, string>();

  constructor(
    private readonly log: Pick<EventLog, 'readPage'>,
    private readonly tables: ProjectsInTables,
    private readonly remembered = REMEMBERED,
  ) {}

  /**
   * @throws NotFound where there is no such execution, and in the same words and the same time where the permission does not
   * reach it; LogUnavailable where neither log nor tables can tell
   */
  async mustSee(executionId: string, { rights }: Principal, permission: Permission): Promise<void> {
    const scope = rights.scopeOf(permission);
    if (scope === 'all') return;
    const known = this.known.get(executionId);
    if (known !== undefined && isInScope(scope, known)) return;
    const found = await this.look(executionId);
    if (found === null || !isInScope(scope, found)) throw new NotFound(`There is no execution ${executionId}`);
  }

  /** Both are asked each time: which of them knew an execution would show in the time of the answer. */
  private async look(executionId: string): Promise<string | null> {
    const [inTables, inLog] = await Promise.allSettled([this.tables.projectOf(executionId), this.inLog(executionId)]);
    const found = [inTables, inLog].find((each) => each.status === 'fulfilled' && each.value !== null);
    const failed = [inTables, inLog].find((each) => each.status === 'rejected');
    if (found?.status === 'fulfilled' && found.value !== null) {
      this.remember(executionId, found.value);
      return found.value;
    }
    if (failed?.status === 'rejected') throw failed.reason;
    return null;
  }

  private async inLog(executionId: string): Promise<string | null> {
    const page = { direction: 'forwards', from: 0n, limit: 1 } as const;
    const [first] = await this.log.readPage(workflowStream(executionId), page);
    const { projectId } = (first?.data ?? {}) as Readonly<{ projectId?: unknown }>;
    return typeof projectId === 'string' ? projectId : null;
  }

  private remember(executionId: string, projectId: string): void {
    if (this.known.size >= this.remembered) this.known.delete(this.known.keys().next().value!);
    this.known.set(executionId, projectId);
  }
}
