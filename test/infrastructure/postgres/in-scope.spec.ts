/** Scopes in SQL mean what they mean in the domain. */
import fc from 'fast-check';
import { isInScope, type Scope } from '../../../src/domain/access/grants.js';
import { whereInScope } from '../../../src/infrastructure/postgres/access/in-scope.js';
import { WorkflowExecution } from '../../../src/infrastructure/postgres/entities/workflow.entities.js';
import { openTables, type TestTables } from './read-tables.js';

let tables: TestTables;
beforeAll(async () => {
  tables = await openTables();
});
afterAll(() => tables.close());

const insert = (projects: readonly string[]) =>
  tables.dataSource.query(
    `insert into workflow_executions (id, project_id, document_type, workflow_name, definition_hash, auto_execute,
       current_state, percent_complete, checkpoint_data, metadata, created_at, updated_at, revision, position)
     select gen_random_uuid(), project, 'ib', 'w', 'h', true, 'created', 0, '{}', '{}', now(), now(), 0, 0
     from unnest($1::text[]) as given(project)`,
    [projects],
  );
const query = (scope: Scope) =>
  whereInScope(tables.dataSource.getRepository(WorkflowExecution).createQueryBuilder('e'), 'e.project_id', scope);

test('whatever characters projects and patterns hold', async () => {
  const text = fc.string({ unit: fc.constantFrom('a', 'b', '%', '_', '\\', '*', "'", ':', '-'), maxLength: 4 });
  const projects = [...new Set(fc.sample(text, { numRuns: 300, seed: 1 }))];
  await insert(projects);
  const scopes = fc.array(text, { maxLength: 3 });
  await fc.assert(
    fc.asyncProperty(scopes, async (scope) => {
      const found = (await query(scope).getMany()).map(({ project_id }) => project_id);
      expect(found.sort()).toEqual(projects.filter((project) => isInScope(scope, project)).sort());
    }),
    { numRuns: 100 },
  );
  expect(await query('all').getCount()).toBe(projects.length);
});

test('the index on projects serves ids and beginnings, where texts are ordered by their bytes', async () => {
  await insert(Array.from({ length: 5_000 }, (_, index) => `many-${index % 500}`));
  await insert(['rare-1', 'rare-2', 'other']);
  await tables.dataSource.query('analyze workflow_executions');
  const [sql, parameters] = query(['other', 'rare-*']).limit(50).getQueryAndParameters();
  const plan: { 'QUERY PLAN': string }[] = await tables.dataSource.query(`explain ${sql}`, parameters);
  const text = plan.map((line) => line['QUERY PLAN']).join('\n');
  expect(text.match(/workflow_executions_by_project/g)).toHaveLength(2);
  expect(text).not.toContain('Seq Scan');
});
