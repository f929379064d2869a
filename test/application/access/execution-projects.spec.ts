import { ExecutionProjects } from '../../../src/application/access/execution-projects.js';
import { LOCAL, type Principal } from '../../../src/application/access/principal.js';
import { StreamTombstoned } from '../../../src/application/log/event-log.js';
import { Rights, type Projects } from '../../../src/domain/access/grants.js';

const [OURS, THEIRS, FRESH, UNKNOWN] = [1, 2, 3, 4].map((n) => `0198a3c0-aaaa-7000-8000-00000000000${n}`) as [
  string,
  string,
  string,
  string,
];

const viewer = (projects: Projects): Principal => ({ ...LOCAL, rights: new Rights([{ role: 'viewer', projects }]) });
const ours = viewer(['alpha-*']);

/** What was asked of tables and log, in order. */
const world = (failing: 'nothing' | 'tables' | 'tombstones' = 'nothing') => {
  const asked: string[] = [];
  const [inTables, inLog] = [
    new Map([
      [OURS, 'alpha-1'],
      [THEIRS, 'beta-1'],
    ]),
    new Map([
      [`workflow-${OURS}`, 'alpha-1'],
      [`workflow-${THEIRS}`, 'beta-1'],
      [`workflow-${FRESH}`, 'alpha-2'],
    ]),
  ];
  const tables = {
    projectOf: async (id: string) => {
      asked.push('tables');
      if (failing === 'tables') throw new Error('away');
      return inTables.get(id) ?? null;
    },
  };
  const log = {
    readPage: async (stream: string) => {
      asked.push(inLog.has(stream) ? 'log: an event' : 'log: nothing');
      if (failing === 'tombstones') throw new StreamTombstoned(stream);
      return (inLog.has(stream) ? [{ data: { projectId: inLog.get(stream) } }] : []) as never;
    },
  };
  const projects = new ExecutionProjects(log, tables);
  const see = (id: string, principal = ours) =>
    projects.mustSee(id, principal, 'executions.read').then(
      () => 'seen',
      (error: Error) => error.message.replace(id, 'ID'),
    );
  return { asked, see };
};

test('an execution is seen by those whose projects hold it, also before the tables have it', async () => {
  const { see } = world();
  expect([await see(OURS), await see(FRESH)]).toEqual(['seen', 'seen']);
  expect([await see(THEIRS, viewer('all')), await see(UNKNOWN, viewer('all'))]).toEqual(['seen', 'seen']);
});

test('an execution of another project costs and says what an unknown one does, each time', async () => {
  const { see, asked } = world();
  for (const id of [THEIRS, UNKNOWN, THEIRS, UNKNOWN]) {
    expect(await see(id)).toBe('There is no execution ID');
    expect(asked.splice(0)).toEqual(['tables', 'log: nothing']);
  }
});

test('what was seen once is not looked up again', async () => {
  const { see, asked } = world();
  await see(OURS);
  await see(OURS);
  expect(asked).toEqual(['tables']);
});

test('without the tables the log decides, and what it does not know is not called unknown', async () => {
  const { see } = world('tables');
  expect([await see(OURS), await see(UNKNOWN)]).toEqual(['seen', 'away']);
});

test('a stream that was tombstoned is as unknown to those who may see some projects', async () => {
  const { see } = world('tombstones');
  expect([await see(UNKNOWN), await see(THEIRS)]).toEqual(['There is no execution ID', 'There is no execution ID']);
});
