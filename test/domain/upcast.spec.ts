import { isKnownType, upcast } from '../../src/domain/workflow/upcast.js';
import { enrich } from './situations.js';

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
  ['malformed JSON, which arrives as a text', '{"stepId":', 'string'],
  ['null', null, 'null'],
  ['an array', [], 'an array'],
  ['a number', 7, 'number'],
  ['nothing', undefined, 'undefined'],
])('a known event that holds %s is an error that says so', (_, data, got) =>
  expect(() => upcast('StepStarted', data)).toThrow(
    new Error(`Event StepStarted: expected a JSON object as its data, got ${got}`),
  ),
);
