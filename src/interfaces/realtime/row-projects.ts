/** The project of each changed row: of an execution's row it is known, of its steps and events it is looked up once. */
import type { JsonRow, RowChange } from '../../application/live/row-changes.js';
import type { OnError } from '../../application/runtime/errors.js';
import type { RealtimeAccess } from './access.js';

type RowProjectsLimits = Readonly<{
  /** Executions whose project is remembered. */
  remembered: number;
  /** Changes that wait for a look-up. With more of them clients have to read again. */
  waiting: number;
  /** Changes that are looked up at a time. */
  batch: number;
}>;

const DEFAULT_ROW_PROJECTS_LIMITS: RowProjectsLimits = { remembered: 10_000, waiting: 10_000, batch: 500 };

type RowProjectsDependencies = Readonly<{
  projectsOf: RealtimeAccess['projectsOf'];
  /** In the order of the changes. `projectId` is null where it cannot be found. Must not wait. */
  emit: (change: RowChange, projectId: string | null) => void;
  missed: (why: string) => void;
  onError: OnError;
}>;

const EXECUTIONS = 'workflow_executions';

const textIn = (row: JsonRow, name: string): string | null => {
  const value = row[name];
  return typeof value === 'string' ? value : null;
};

/** Null of a deleted step, of which no more is known than its own id. */
const executionOf = ({ table, key, record }: RowChange): string | null =>
  textIn(record ?? key, table === EXECUTIONS ? 'id' : 'execution_id');

export class RowProjects {
  private readonly known = new Map<string, string>();
  private waiting: RowChange[] = [];
  private isLooking = false;
  /** Raised when what is being looked up is no longer to be sent. */
  private epoch = 0;

  constructor(
    private readonly dependencies: RowProjectsDependencies,
    private readonly limits: RowProjectsLimits = DEFAULT_ROW_PROJECTS_LIMITS,
  ) {}

  /** Emits at once what is known, unless something before it still waits. */
  take(change: RowChange): void {
    this.learn(change);
    const id = executionOf(change);
    const project = id === null ? null : this.known.get(id);
    if (project !== undefined && this.waiting.length === 0 && !this.isLooking)
      return this.dependencies.emit(change, project);
    this.waiting.push(change);
    if (this.waiting.length > this.limits.waiting) {
      this.forget();
      return this.dependencies.missed('There were more changes at once than can be kept');
    }
    if (!this.isLooking) void this.look();
  }

  /** Changes that wait are not emitted. */
  forget(): void {
    this.epoch += 1;
    this.waiting = [];
  }

  /** An execution keeps its project for ever. */
  private learn({ table, record }: RowChange): void {
    if (table !== EXECUTIONS || record === null) return;
    const [id, project] = [textIn(record, 'id'), textIn(record, 'project_id')];
    if (id !== null && project !== null) this.remember(id, project);
  }

  private remember(executionId: string, project: string): void {
    this.known.delete(executionId);
    this.known.set(executionId, project);
    if (this.known.size > this.limits.remembered) this.known.delete(this.known.keys().next().value!);
  }

  private async look(): Promise<void> {
    const { emit, missed, onError } = this.dependencies;
    this.isLooking = true;
    while (this.waiting.length > 0) {
      const { epoch } = this;
      const batch = this.waiting.splice(0, this.limits.batch);
      try {
        const projects = await this.projectsFor(batch);
        if (epoch !== this.epoch) continue;
        for (const change of batch) emit(change, projects.get(executionOf(change) ?? '') ?? null);
      } catch (error) {
        onError('The projects of changed rows cannot be looked up', error);
        if (epoch !== this.epoch) continue;
        this.forget();
        missed('Changes could not be looked up in the database');
      }
    }
    this.isLooking = false;
  }

  private async projectsFor(batch: readonly RowChange[]): Promise<ReadonlyMap<string, string>> {
    const projects = new Map<string, string>();
    const unknown = new Set<string>();
    for (const change of batch) {
      const id = executionOf(change);
      const project = id === null ? undefined : this.known.get(id);
      if (id !== null && project !== undefined) projects.set(id, project);
      else if (id !== null) unknown.add(id);
    }
    if (unknown.size === 0) return projects;
    for (const [id, project] of await this.dependencies.projectsOf([...unknown])) {
      this.remember(id, project);
      projects.set(id, project);
    }
    return projects;
  }
}
