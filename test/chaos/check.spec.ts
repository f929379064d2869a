/** The checker of the trials: it finds nothing in a correct history, and a violation in every tampered history. */
import { readdirSync, readFileSync } from 'node:fs';
import type { RecordedEvent } from '../../src/application/log/event-log.js';
import type { Json } from '../../src/domain/json.js';
import type { WorkflowEvent } from '../../src/domain/workflow/events.js';
import type { ExistingWorkflow } from '../../src/domain/workflow/state.js';
import { summarise } from '../../src/domain/workflow/summary.js';
import { given } from '../support/given.js';
import { EXECUTION_ID } from '../support/histories.js';
import { checkStream, type ReportViolation } from './check-streams.js';
import { catchUp, openTables, type TestTables } from '../infrastructure/postgres/read-tables.js';
import { InMemoryEventLog } from '../../src/testing/in-memory.event-log.js';
import { checkAcknowledged, checkLedger, checkTables } from './check-world.js';
import type { Ledger } from './ledger.js';

const folder = new URL('../histories/', import.meta.url);
const names = readdirSync(folder).filter((name) => name.endsWith('.json'));

const eventsOf = (name: string): readonly WorkflowEvent[] =>
  (JSON.parse(readFileSync(new URL(name, folder), 'utf8')) as { events: WorkflowEvent[] }).events;

const AT = new Date('2030-01-01T00:00:00.000Z');
const uuid = (index: number) => `33333333-3333-4333-8333-${String(index).padStart(12, '0')}`;

/** The events as the application records them, each caused by a command of its own. */
const recordedAs = (name: string): RecordedEvent[] => {
  const events = eventsOf(name);
  return events.map(({ type, data }, index) => ({
    ...{ id: uuid(index), type, data, stream: `workflow-${EXECUTION_ID}`, revision: BigInt(index) },
    ...{ position: BigInt(10 + index), recordedAt: AT },
    metadata: {
      ...{ commandId: uuid(1_000 + index), $correlationId: EXECUTION_ID, $causationId: uuid(1_000 + index) },
      ...{ occurredAt: AT.toISOString(), actor: { type: 'user', id: 'ann' }, reason: null, traceparent: null },
      summary: summarise(given(...events.slice(0, index + 1)).state() as ExistingWorkflow, AT),
    },
  }));
};

const violations = (check: (reportViolation: ReportViolation) => void): string[] => {
  const reported: string[] = [];
  check((invariant) => void reported.push(invariant));
  return [...new Set(reported)];
};
const ofStream = (events: readonly RecordedEvent[]) =>
  violations((reportViolation) => checkStream(EXECUTION_ID, events, reportViolation));

/** Numbers the revisions anew, so that only the intended tampering is wrong. */
const renumbered = (events: readonly RecordedEvent[]) =>
  events.map((event, index) => ({ ...event, revision: BigInt(index) }));
const indexOf = (events: readonly RecordedEvent[], type: string) => events.findIndex((event) => event.type === type);
const altered = (event: RecordedEvent, data: object): RecordedEvent => ({
  ...event,
  data: { ...(event.data as object), ...data },
});

test.each(names)('%s has no violation', (name) => expect(ofStream(recordedAs(name))).toEqual([]));

type Tampering = readonly [string, string, string, (events: RecordedEvent[]) => readonly RecordedEvent[]];
const again = (type: string) => (events: RecordedEvent[]) => {
  const index = indexOf(events, type);
  return renumbered([...events.slice(0, index + 1), { ...events[index]!, id: uuid(99) }, ...events.slice(index + 1)]);
};
const without = (type: string) => (events: RecordedEvent[]) =>
  renumbered(events.filter((_, index) => index !== indexOf(events, type)));
const changed = (type: string, data: object) => (events: RecordedEvent[]) =>
  events.map((event, index) => (index === indexOf(events, type) ? altered(event, data) : event));

const tamperings: readonly Tampering[] = [
  ['I2', 'begins with something else', 'happy-path.json', without('WorkflowStarted')],
  [
    'I3',
    'causation does not resolve',
    'happy-path.json',
    (events) =>
      events.map((event) => ({ ...event, metadata: { ...(event.metadata as object), $causationId: uuid(77) } })),
  ],
  ['I10', 'a revision is missing', 'happy-path.json', (events) => events.filter((_, index) => index !== 3)],
  ['I11', 'a report comes twice', 'happy-path.json', again('StepCompleted')],
  ['I11', 'a report of another attempt', 'happy-path.json', changed('StepCompleted', { attempt: 7 })],
  ['I11', 'a step starts while one runs', 'happy-path.json', again('StepStarted')],
  [
    'I6',
    'something after the end',
    'happy-path.json',
    (events) => renumbered([...events, { ...events[1]!, id: uuid(98) }]),
  ],
  ['I7', 'a step starts before the previous step is done', 'happy-path.json', without('StepCompleted')],
  ['I8', 'an attempt before its time', 'retry.json', changed('StepFailed', { retryAt: '2031-01-01T00:00:00.000Z' })],
  [
    'I8',
    'a retry of what is not transient',
    'retry.json',
    changed('StepFailed', { error: { type: 'fatal', code: 'X', message: 'x' } }),
  ],
  ['I9', 'a step starts while paused', 'pause-resume.json', without('WorkflowResumed')],
];

test.each(tamperings)('%s: %s', (invariant, _, name, tamper) => {
  expect(ofStream(tamper(recordedAs(name)))).toContain(invariant);
});

describe('between the log, the ledger and the answers to clients', () => {
  const events = recordedAs('happy-path.json');
  const streams = new Map([[EXECUTION_ID, events]]);
  const ledgerOf = (more: Partial<Ledger[number]> = {}): Ledger =>
    events
      .filter(({ type }) => type === 'StepStarted')
      .map(({ data }) => {
        const { step, attempt, idempotencyKey } = data as { step: string; attempt: number; idempotencyKey: string };
        const call = {
          execution: EXECUTION_ID,
          step,
          attempt,
          at: AT.getTime(),
          fault: 'none',
          notBefore: null,
          besides: 0,
        };
        return { key: idempotencyKey, calls: [call], effects: 1, output: null, ...more };
      });
  const outputs = (ledger: Ledger) => {
    const named = events.map((event) => {
      const { step } = event.data as { step?: string };
      return event.type === 'StepCompleted' ? altered(event, { output: { [step!]: null } }) : event;
    });
    return violations((reportViolation) => checkLedger(new Map([[EXECUTION_ID, named]]), ledger, reportViolation));
  };

  test('a ledger that agrees with the log has no violation', () => expect(outputs(ledgerOf())).toEqual([]));
  test('I5: an effect twice', () => expect(outputs(ledgerOf({ effects: 2 }))).toContain('I5'));
  test('I5: a completion without its effect', () => expect(outputs(ledgerOf().slice(1))).toContain('I5'));
  test('I5: an output other than that of the effect', () => expect(outputs(ledgerOf({ output: 'x' }))).toContain('I5'));
  test('I4: a call that is not in the log', () => {
    const [first, ...rest] = ledgerOf();
    const calls = first!.calls.map((call) => ({ ...call, attempt: 9 }));
    expect(outputs([{ ...first!, calls }, ...rest])).toContain('I4');
  });
  test('I4: a call before its event', () => {
    const early = ledgerOf().map((entry) => ({
      ...entry,
      calls: entry.calls.map((call) => ({ ...call, at: call.at - 1 })),
    }));
    expect(outputs(early)).toContain('I4');
  });

  const started = { executionId: EXECUTION_ID, action: 'start', changed: true, revision: 1n, position: 11n };
  const violationsOf = (acknowledged: typeof started) =>
    violations((reportViolation) => checkAcknowledged(streams, [acknowledged], reportViolation));
  test('a start that is in the log has no violation', () => expect(violationsOf(started)).toEqual([]));
  test('I2: a start that is not in the log', () =>
    expect(violationsOf({ ...started, executionId: uuid(1) })).toContain('I2'));
  test('I1: a revision that is not in the log', () =>
    expect(violationsOf({ ...started, revision: 99n })).toContain('I1'));
  test('I1: another position', () => expect(violationsOf({ ...started, position: 12n })).toEqual(['I1']));
  test('I1: a pause that is not in the log', () =>
    expect(violationsOf({ ...started, action: 'pause' })).toEqual(['I1']));
});

describe('between the log and the read tables', () => {
  const stream = `workflow-${EXECUTION_ID}`;
  let tables: TestTables;
  let events: readonly RecordedEvent[];
  beforeAll(async () => {
    tables = await openTables();
    const log = new InMemoryEventLog(() => AT);
    for (const { id, type, data, metadata, revision } of recordedAs('happy-path.json')) {
      await log.append(
        stream,
        [{ id, type, data: data as Json, metadata: metadata as Json }],
        revision === 0n ? 'none' : revision - 1n,
      );
    }
    await catchUp(log, tables.dataSource);
    events = (await log.read(stream)).events;
  });
  afterAll(() => tables.close());

  /** Runs the statements, checks the tables and undoes the statements. @returns the violated invariants */
  const after = async (...statements: string[]): Promise<string[]> => {
    const { dataSource } = tables;
    const names = ['workflow_executions', 'workflow_steps', 'workflow_events', 'projection_checkpoints'];
    for (const name of names) await dataSource.query(`create table kept_${name} as table ${name}`);
    try {
      for (const statement of statements) await dataSource.query(statement);
      const reported: string[] = [];
      await checkTables(dataSource, new Map([[EXECUTION_ID, events]]), (invariant) => void reported.push(invariant));
      return [...new Set(reported)];
    } finally {
      for (const name of names) {
        await dataSource.query(`truncate ${name}`);
        await dataSource.query(`insert into ${name} table kept_${name}`);
        await dataSource.query(`drop table kept_${name}`);
      }
    }
  };
  const copied = (table: string, id: string) =>
    `insert into ${table} select (jsonb_populate_record(t, '${id}'::jsonb)).* from ${table} t limit 1`;
  const another = JSON.stringify({ id: uuid(66) });

  test('tables that equal the fold of the log have no violation', async () => expect(await after()).toEqual([]));

  test.each([
    ['an execution changed', `update workflow_executions set percent_complete = percent_complete - 1`],
    ['a column of a step changed', `update workflow_steps set attempt = attempt + 1 where step_order = 2`],
    ['an event changed', `update workflow_events set event_type = 'StepSkipped' where revision = 3`],
    ['an execution missing', `delete from workflow_executions`],
    ['a step missing', `delete from workflow_steps where step_order = 1`],
    ['an event missing', `delete from workflow_events where revision = 2`],
    ['an execution too many', copied('workflow_executions', another)],
    ['a step too many', copied('workflow_steps', another)],
    ['an event too many', copied('workflow_events', JSON.stringify({ id: uuid(66), revision: 999 }))],
  ])('I12: %s', async (_, statement) => expect(await after(statement)).toEqual(['I12']));

  test.each([
    ['behind', `update projection_checkpoints set position = position - 1 where projection = 'workflow_steps'`],
    ['ahead', `update projection_checkpoints set position = position + 1 where projection = 'workflow_events'`],
    ['missing', `delete from projection_checkpoints where projection = 'workflow_executions'`],
  ])('I13: a checkpoint %s', async (_, statement) => expect(await after(statement)).toEqual(['I13']));
});
