import type { RecordedEvent } from '../../../src/application/log/event-log.js';
import { projections } from '../../../src/application/projections/index.js';
import { foldRows } from '../../../src/application/projections/fold-rows.js';
import { ExecutionFold, gathered, OpenFolds, touchedBy } from '../../../src/application/rebuild/execution-fold.js';
import { EXECUTIONS, playMoves, type Move } from '../projections/random-history.js';

const [ONE, OTHER] = [EXECUTIONS[0]!, EXECUTIONS[1]!].map((id) => `workflow-${id}`);
const more = { waitMs: 0, errorType: 'transient', output: { a: 1 } } as const;
const move = (execution: number, verb: Move['verb']): Move => ({ execution, verb, ...more });

const events = async (): Promise<readonly RecordedEvent[]> => {
  const log = await playMoves([
    move(0, 'start'),
    move(1, 'start'),
    move(0, 'start'),
    move(0, 'complete'),
    move(1, 'cancel'),
  ]);
  return log.page('start', 100);
};

const folded = (given: readonly RecordedEvent[], isWhole = true): ExecutionFold => {
  const fold = new ExecutionFold(given[0]!.stream, projections, isWhole);
  for (const event of given) fold.take(event, 100);
  return fold;
};

const of = (stream: string | undefined, all: readonly RecordedEvent[]) => all.filter((each) => each.stream === stream);

test('a whole execution gives the rows that its events make', async () => {
  const ours = of(ONE, await events());
  expect(folded(ours).rows()).toEqual(foldRows(projections, ours));
});

test('an execution that misses its first event, or has one that cannot be read, is left for later with all of its events', async () => {
  const all = await events();
  const [headless, unreadable] = [of(ONE, all).slice(1), of(OTHER, all).map((each) => ({ ...each, metadata: {} }))];
  const { rows, later } = gathered([folded(headless), folded(unreadable)]);
  expect([rows.size, later]).toEqual([0, [...headless, ...unreadable]]);
});

test('read by position, an execution that is over leaves with its batch, and what comes of it then is for later', async () => {
  const all = await events();
  const open = new OpenFolds(projections, { batch: 1, foldedBytes: 1_000_000 });
  const left = all.flatMap((event) => open.take(event, 100));
  expect(left.map(({ stream }) => stream)).toEqual([OTHER]);
  const last = of(OTHER, all).at(-1)!;
  const [again] = open.take({ ...last, revision: last.revision + 1n, position: last.position + 900n }, 100);
  expect(again?.rows()).toBeNull();
  expect(open.rest().map(({ stream }) => stream)).toEqual([ONE]);
});

test('beyond the bound, the executions leave that had no event for longest', async () => {
  const births = (await events()).filter(({ revision }) => revision === 0n);
  const open = new OpenFolds(projections, { batch: 100, foldedBytes: 150 });
  expect(open.take(births[0]!, 100)).toEqual([]);
  expect(open.take(births[1]!, 100).map(({ stream }) => stream)).toEqual([births[0]!.stream, births[1]!.stream]);
  expect(open.rest()).toEqual([]);
});

test('each row that events touch is named with the execution, and poison touches none', async () => {
  const [first] = of(ONE, await events());
  const touched = touchedBy(projections, [first!, { ...first!, metadata: {} }]);
  expect([...touched].map(([table, rows]) => [table, rows.length])).toEqual([
    ['workflow_executions', 1],
    ['workflow_steps', 3],
    ['workflow_events', 1],
  ]);
  expect(touched.get('workflow_steps')![0]!.executionId).toBe(EXECUTIONS[0]);
});
