/** Which project an execution belongs to, for those who may see some projects only. */
import { isInScope, type Scope } from '../../domain/access/grants.js';
import type { Permission } from '../../domain/access/permissions.js';
import { workflowStream } from '../../domain/workflow/index.js';
import { StreamTombstoned, type EventLog } from '../log/event-log.js';
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
    const found = await this.look(executionId, scope);
    if (found === null || !isInScope(scope, found)) throw new NotFound(`There is no execution ${executionId}`);
  }

  /**
   * An execution that was started a moment ago is in the log alone. One of another project costs what an unknown one does: a
   * look at the tables and one at the log for a stream that is not there.
   */
  private async look(executionId: string, scope: Scope): Promise<string | null> {
    const [inTables] = await Promise.allSettled([this.tables.projectOf(executionId)]);
    const found = inTables.status === 'fulfilled' ? inTables.value : null;
    if (found !== null && isInScope(scope, found)) return this.remember(executionId, found);
    const inLog = await this.inLog(found === null ? workflowStream(executionId) : absent(executionId));
    if (inLog !== null) return this.remember(executionId, inLog);
    if (inTables.status === 'rejected') throw inTables.reason;
    return found;
  }

  private async inLog(stream: string): Promise<string | null> {
    try {
      const [first] = await this.log.readPage(stream, { direction: 'forwards', from: 0n, limit: 1 });
      const { projectId } = (first?.data ?? {}) as Readonly<{ projectId?: unknown }>;
      return typeof projectId === 'string' ? projectId : null;
    } catch (error) {
      // What was tombstoned may be another project's: of that nobody learns either.
      if (error instanceof StreamTombstoned) return null;
      throw error;
    }
  }

  private remember(executionId: string, projectId: string): string {
    if (this.known.size >= this.remembered) this.known.delete(this.known.keys().next().value!);
    this.known.set(executionId, projectId);
    return projectId;
  }
}

/** A stream of no execution, as its name holds no UUID; another for each, as those that are not there. */
const absent = (executionId: string): string => workflowStream([...executionId].reverse().join(''));
