import { readdirSync, readFileSync } from 'node:fs';
import { isKnownType, upcast } from '../../src/domain/workflow/event-shapes.js';
import { workflowStarted } from '../support/histories.js';
import { enrich } from './situations.js';

const started = workflowStarted();

test('a known event passes as it is', () => {
  const event = enrich.started(1);
  expect(upcast(event.type, event.data)).toEqual(event);
});

test.each(['StepPostponed', 'stepstarted', '', 'toString', '__proto__', 'constructor', '$metadata'])(
  'the unknown type %p is passed over, whatever it holds',
  (type) => {
    expect(isKnownType(type)).toBe(false);
    expect(upcast(type, {})).toBeNull();
    expect(upcast(type, 'not even JSON {')).toBeNull();
  },
);

test('fields that this version does not know are kept', () =>
  expect(upcast('WorkflowResumed', { because: 'later' })).toEqual({
    type: 'WorkflowResumed',
    data: { because: 'later' },
  }));

test.each([
  ['malformed JSON, which arrives as a text', '{"stepId":', '"{\\"stepId\\":"'],
  ['null', null, 'null'],
  ['an array', [], 'an array of 0'],
  ['a number', 7, '7'],
  ['nothing', undefined, 'nothing'],
])('a known event that holds %s is an error that says so', (_, data, got) =>
  expect(() => upcast('StepStarted', data)).toThrow(
    new Error(`Event StepStarted: expected a JSON object as its data, got ${got}`),
  ),
);

describe('an error names the event, the place, what was expected and what came', () => {
  const of = (event: Readonly<{ data: object }>, change: object) => ({ ...event.data, ...change });
  const { definition } = started.data;

  test.each([
    ['StepStarted', of(enrich.started(1), { attempt: '1' }), 'a whole number from 1 at attempt, got "1"'],
    ['StepStarted', of(enrich.started(1), { attempt: 1.5 }), 'a whole number from 1 at attempt, got 1.5'],
    ['StepStarted', of(enrich.started(1), { deadline: 'soon' }), 'an ISO-8601 time at deadline, got "soon"'],
    [
      'StepFailed',
      of(enrich.failedForNow(1), { error: { type: 'odd', message: '', code: '' } }),
      'one of transient, validation, fatal at error.type, got "odd"',
    ],
    ['StepFailed', of(enrich.failedForNow(1), { retryAt: 12 }), 'an ISO-8601 time or null at retryAt, got 12'],
    [
      'StepCompleted',
      of(enrich.completed(1), { artifacts: [{ name: 'x', sha256: 'y'.repeat(70), bytes: '1', contentType: 'z' }] }),
      'a whole number from 0 at artifacts[0].bytes, got "1"',
    ],
    ['StepCompleted', of(enrich.completed(1), { output: [1, 2] }), 'a JSON object at output, got an array of 2'],
    [
      'WorkflowStarted',
      of(started, { definition: { ...definition, steps: [definition.steps[0], { name: 'compose' }] } }),
      'a text at definition.steps[1].agent, got nothing',
    ],
    [
      'WorkflowStarted',
      of(started, { stepIds: ['only one'] }),
      `an array of ${definition.steps.length}, one for each step at stepIds, got an array of 1`,
    ],
    [
      'WorkflowStarted',
      of(started, { definition: { ...definition, steps: [] } }),
      'an array of at least 1 at definition.steps, got an array of 0',
    ],
    ['WorkflowPaused', { stepInFlight: { id: 1 } }, 'a text or null at stepInFlight, got an object'],
    [
      'WorkflowPaused',
      { stepInFlight: 'x', cause: 'y'.repeat(90) },
      'retries_exhausted at cause, got a text of 90 characters',
    ],
  ])('%s %#', (type, data, message) => {
    const told = () => upcast(type, JSON.parse(JSON.stringify(data)));
    expect(told).toThrow(`Event ${type}: expected `);
    expect(told).toThrow(message);
  });
});

type Recorded = Readonly<{ type: string; data: object }>;

const folder = new URL('../histories/', import.meta.url);
const recorded: readonly Recorded[] = readdirSync(folder)
  .filter((name) => name.endsWith('.json'))
  .flatMap((name) => (JSON.parse(readFileSync(new URL(name, folder), 'utf8')) as { events: Recorded[] }).events);

/** What agents, clients and later versions may fill as they like. */
const FREE = /(^|\.)(output|agentMetadata|metadata)\./;

/** Every member of every recorded event, with the event as it would be without it or with something else in its place. */
const members = (change: (holder: Record<string, unknown>, key: string) => void) =>
  recorded.flatMap(({ type, data }) =>
    placesIn(data).map((place) => {
      const copy = JSON.parse(JSON.stringify(data)) as object;
      const holder = place.slice(0, -1).reduce<object>((inner, key) => (inner as never)[key], copy);
      change(holder as Record<string, unknown>, String(place.at(-1)));
      const path = place.map((key) => (/^\d+$/.test(key) ? '[]' : key)).join('.');
      return { name: `${type} ${path}`, path, type, data: copy };
    }),
  );

const placesIn = (value: unknown, at: readonly string[] = []): string[][] =>
  typeof value !== 'object' || value === null
    ? []
    : Object.entries(value).flatMap(([key, inner]) => [[...at, key], ...placesIn(inner, [...at, key])]);

const passes = ({ type, data }: Recorded): boolean => {
  try {
    return upcast(type, data) !== null;
  } catch {
    return false;
  }
};

test('an event may lack only members that a later version added', () => {
  const without = members((holder, key) => {
    if (!Array.isArray(holder)) Reflect.deleteProperty(holder, key);
  });
  const lacking = without.filter((event) => !FREE.test(event.path) && !event.name.endsWith('[]') && passes(event));
  const optional = [...new Set(lacking.map(({ name }) => name.replace(/^.*definition\.steps/, 'definition.steps')))];
  expect(optional.sort()).toEqual([
    'StepCompleted outputHash',
    'StepFailed decision.errorType',
    'StepFailed decision.then',
    'StepRetryRequested earlier',
    'StepRetryRequested earlier.decision.errorType',
    'StepRetryRequested earlier.decision.then',
    'StepRetryRequested order',
    'StepStarted because',
    'StepStarted because.errorType',
    'StepStarted because.then',
    'StepStarted inputHash',
    'WorkflowPaused cause',
    'WorkflowPaused exhausted',
    'definition.steps.[].heartbeatTimeoutMs',
    'definition.steps.[].onExhausted',
  ]);
});

test('each member of an event has its type: no other value passes', () => {
  const odd = members((holder, key) => {
    holder[key] = key === 'output' || key === 'agentMetadata' || key === 'metadata' ? ['odd'] : { odd: [] };
  });
  const unnoticed = odd.filter((event) => !FREE.test(event.path) && passes(event)).map(({ name }) => name);
  expect([...new Set(unnoticed)]).toEqual([]);
});
