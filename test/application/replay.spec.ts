/** Stories and verdicts of random recorded histories: complete, readable, and without a trace in the log. */
import fc from 'fast-check';
import { story, type StoryLine } from '../../src/application/replay/story.js';
import { survey, withoutKinds, type Surveyed, verdictOf } from '../../src/application/replay/verdict.js';
import type { EventLog } from '../../src/application/log/event-log.js';
import { Histories } from '../../src/application/workflow/histories.js';
import { workflowStream } from '../../src/domain/workflow/index.js';
import type { Rules } from '../../src/domain/workflow/what-if/follow.js';
import { COLUMNS, storyJson, storyText, verdictText, Tally } from '../../src/interfaces/cli/replay/lines.js';
import { EXECUTIONS, moves, playMoves, type Move } from './projections/random-history.js';

const same: Rules = (definition) => definition;
const never: Rules = (definition) => ({
  ...definition,
  steps: definition.steps.map((step) => ({ ...step, retry: { ...step.retry, maximumAttempts: 1 } })),
});
const options = { seed: 20_300_106, numRuns: 40 };

const histories = async (played: readonly Move[]) => {
  const log = await playMoves(played);
  const streams = await Promise.all(EXECUTIONS.map((id) => log.read(workflowStream(id))));
  return { log, streams: streams.map(({ events }) => events).filter((events) => events.length > 0) };
};

test('a story tells every event, in lines that fit, and each state is what the event itself says of it', () =>
  fc.assert(
    fc.asyncProperty(moves, async (played) => {
      for (const events of (await histories(played)).streams) {
        const lines: StoryLine[] = [...story(events)];
        expect(lines.map(({ recorded }) => recorded)).toEqual(events);
        for (const line of lines) {
          const { summary } = (line.recorded.metadata ?? {}) as {
            summary?: { state: string; percentComplete: number };
          };
          const { state, percentComplete } = summary ?? {};
          if (line.event) expect(line.after).toMatchObject({ current_state: state, percent_complete: percentComplete });
          else expect(line.changes).toEqual([]);
          const text = storyText(line);
          expect(text.filter((each) => [...each].length > COLUMNS || /\p{C}/u.test(each))).toEqual([]);
          expect(JSON.parse(storyJson(line))).toMatchObject({ revision: String(line.recorded.revision) });
        }
      }
    }),
    options,
  ));

test('under its own rules no recorded history differs; under others the verdict fits into lines', () =>
  fc.assert(
    fc.asyncProperty(moves, async (played) => {
      for (const events of (await histories(played)).streams) {
        expect(verdictOf(events, same)).toMatchObject({ differences: [], fitsUntil: null, shiftMs: 0 });
        const text = verdictText(verdictOf(events, never));
        expect(text.filter((each) => [...each].length > COLUMNS)).toEqual([]);
      }
    }),
    options,
  ));

const failing: Move = { execution: 0, verb: 'start', waitMs: 0, errorType: 'transient', output: {} };
const scene = (execution: number, ...verbs: readonly Move['verb'][]): Move[] =>
  verbs.map((verb) => ({ ...failing, execution, verb, waitMs: 61_000 }));

const all = async (given: AsyncIterable<Surveyed>): Promise<Surveyed[]> => {
  const told: Surveyed[] = [];
  for await (const one of given) told.push(one);
  return told;
};

const historiesOf = (log: Pick<EventLog, 'read'>) => new Histories(log as EventLog);

describe('a survey', () => {
  const verbs = ['start', 'start', 'fail', 'start', 'complete'] as const;
  const played = [...scene(0, ...verbs), ...scene(1, 'start', 'start', 'complete'), ...scene(2, ...verbs)];
  const names = ['one', 'one', 'another'];

  const readModel = (asked: (string | null)[]) => ({
    executions: async (_filter: object, { cursor, limit }: { cursor: string | null; limit: number }) => {
      asked.push(cursor);
      const from = Number(cursor ?? 0);
      const rows = EXECUTIONS.slice(from, from + limit).map((id, index) => ({
        id,
        workflow_name: names[from + index],
      }));
      return { rows: rows as never, nextCursor: from + limit < EXECUTIONS.length ? String(from + limit) : null };
    },
  });

  test('goes through all pages, reads only, and says which executions would have gone otherwise', async () => {
    const { log } = await histories(played);
    const before = await log.read(workflowStream(EXECUTIONS[0]!));
    const asked: (string | null)[] = [];
    const read: Pick<typeof log, 'read'> = { read: (stream, from) => log.read(stream, from) };
    const signal = new AbortController().signal;
    const limits = { page: 2, parallel: 2 };
    const told = await all(
      survey({ histories: historiesOf(read), readModel: readModel(asked) }, null, never, signal, limits),
    );
    expect(asked).toEqual([null, '2']);
    expect(told.map(({ verdict }) => verdict?.differences.map(({ kind }) => kind)[0])).toEqual([
      'retry',
      undefined,
      'retry',
    ]);
    expect(await log.read(workflowStream(EXECUTIONS[0]!))).toEqual(before);

    const tally = new Tally();
    told.forEach((one) => tally.add(one));
    expect(tally.exitCode).toBe(1);
    expect(tally.text().at(0)).toMatch(/^difference +executions +decisions +for example$/);
    expect(tally.text().at(1)).toMatch(/^retry +2 +2 /);

    const named = await all(
      survey({ histories: historiesOf(read), readModel: readModel([]) }, 'another', never, signal, limits),
    );
    expect(named.map(({ executionId }) => executionId)).toEqual([EXECUTIONS[2]]);
  });

  test('what does not count does not differ', async () => {
    const [events = []] = (await histories(played)).streams;
    expect(withoutKinds(verdictOf(events, never), ['retry']).differences).toEqual([]);
  });

  test('an execution that cannot be read is told, and the others are looked at', async () => {
    const { log } = await histories(played);
    const read = {
      read: async (stream: string) => {
        const found = await log.read(stream);
        if (!stream.endsWith(EXECUTIONS[1]!)) return found;
        return { ...found, events: found.events.map((event) => ({ ...event, data: 'torn {' })) };
      },
    };
    const told = await all(
      survey({ histories: historiesOf(read), readModel: readModel([]) }, null, same, new AbortController().signal, {
        page: 3,
        parallel: 2,
      }),
    );
    expect(told.map(({ error }) => error)).toEqual([
      null,
      'Event WorkflowStarted: expected a JSON object as its data, got "torn {"',
      null,
    ]);
    const tally = new Tally();
    told.forEach((one) => tally.add(one));
    expect(tally.exitCode).toBe(2);
    expect(tally.text().join('\n')).toContain('1 could not be read');
  });

  test('ends where it is told to', async () => {
    const { log } = await histories(played);
    const told = await all(
      survey({ histories: new Histories(log), readModel: readModel([]) }, null, same, AbortSignal.abort()),
    );
    expect(told).toEqual([]);
  });
});
