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
}
