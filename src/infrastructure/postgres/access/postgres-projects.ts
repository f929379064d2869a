import type { DataSource } from 'typeorm';
import { ProjectsInTables } from '../../../application/access/execution-projects.js';

export class PostgresProjectsInTables extends ProjectsInTables {
  constructor(private readonly dataSource: DataSource) {
    super();
  }

  async projectOf(executionId: string): Promise<string | null> {
    const rows: readonly Readonly<{ project_id: string }>[] = await this.dataSource.query(
      'select project_id from workflow_executions where id = $1',
      [executionId],
    );
    return rows[0]?.project_id ?? null;
  }

  /** Of these executions, those that the read tables have. */
  async projectsOf(executionIds: readonly string[]): Promise<ReadonlyMap<string, string>> {
    const rows: readonly Readonly<{ id: string; project_id: string }>[] = await this.dataSource.query(
      'select id, project_id from workflow_executions where id = any($1::uuid[])',
      [executionIds],
    );
    return new Map(rows.map(({ id, project_id }) => [id, project_id]));
  }
}
