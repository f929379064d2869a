import { setImmediate as nextTurn } from 'node:timers/promises';
import type { RowChange } from '../../../src/application/live/row-changes.js';
import { RowProjects } from '../../../src/interfaces/realtime/row-projects.js';

const change = (table: string, record: Record<string, string> | null, key: Record<string, string> = {}): RowChange => ({
  ...{ table, type: record ? ('UPDATE' as const) : ('DELETE' as const), key, record, late: false },
  at: '2026-01-01T00:00:00.000Z',
});
const executionRow = (id: string, project: string) => change('workflow_executions', { id, project_id: project });
const eventOf = (id: string, revision = '0') => change('workflow_events', { execution_id: id, revision });

/** Look-ups answer when the test lets them. */
const world = (limits = { remembered: 2, waiting: 3, batch: 10 }) => {
  const [emitted, missed, errors, lookups]: [
    string[],
    string[],
    unknown[],
    { ids: readonly string[]; answer: (found: object) => void; fail: () => void }[],
  ] = [[], [], [], []];
  const rows = new RowProjects(
    {
      projectsOf: (ids) =>
        new Promise((resolve, reject) =>
          lookups.push({
            ids,
            answer: (found) => resolve(new Map(Object.entries(found)) as ReadonlyMap<string, string>),
            fail: () => reject(new Error('away')),
          }),
        ),
      emit: ({ table, record }, project) =>
        emitted.push(`${table} ${(record?.['revision'] as string | undefined) ?? ''} ${project}`),
      missed: (why) => missed.push(why),
      onError: (_message, error) => errors.push(error),
    },
    limits,
  );
  return { rows, emitted, missed, errors, lookups };
};

test('an execution’s row tells the project of the rows after it', () => {
  const { rows, emitted, lookups } = world();
  rows.take(executionRow('a', 'alpha'));
  rows.take(eventOf('a', '1'));
  rows.take(change('workflow_executions', null, { id: 'a' }));
  rows.take(change('workflow_steps', null, { id: 'step' }));
  expect(emitted).toEqual([
    'workflow_executions  alpha',
    'workflow_events 1 alpha',
    'workflow_executions  alpha',
    'workflow_steps  null',
  ]);
  expect(lookups).toEqual([]);
});

test('what is not known is looked up, and what comes after it waits for it', async () => {
  const { rows, emitted, lookups } = world();
  rows.take(eventOf('a', '1'));
  rows.take(executionRow('b', 'beta'));
  rows.take(eventOf('c', '2'));
  expect(emitted).toEqual([]);
  lookups[0]!.answer({ a: 'alpha' });
  await nextTurn();
  expect(emitted).toEqual(['workflow_events 1 alpha']);
  expect(lookups[1]!.ids).toEqual(['c']);
  lookups[1]!.answer({});
  await nextTurn();
  expect(emitted).toEqual(['workflow_events 1 alpha', 'workflow_executions  beta', 'workflow_events 2 null']);
});

test('clients read again where a look-up fails, or too much waits for one', async () => {
  const { rows, emitted, missed, errors, lookups } = world();
  rows.take(eventOf('a'));
  lookups[0]!.fail();
  await nextTurn();
  expect([missed, errors]).toEqual([['Changes could not be looked up in the database'], [new Error('away')]]);
  for (let revision = 0; revision < 6; revision++) rows.take(eventOf('a', String(revision)));
  expect(missed).toHaveLength(2);
  lookups[1]!.answer({ a: 'alpha' });
  await nextTurn();
  expect(emitted).toEqual(['workflow_events 5 alpha']);
});
