import { keyChanges, readKeyChangeEvent } from '../../../src/domain/audit/key-change.js';

const order = (by: string, witness: string) => ({
  type: 'OrderKeyChange' as const,
  data: {
    ...{ from: 'a', to: 'b', by, witness, account: 'root', reason: null },
    at: '2030-01-01T00:00:00.000Z',
  },
});

test('a change of the audit key names two persons', () => {
  const [event] = keyChanges.decide(order('Ann Smith', 'Rita Ng'), 0);
  expect(event).toMatchObject({ type: 'AuditKeyChangeOrdered', data: { by: 'Ann Smith', witness: 'Rita Ng' } });
  expect(readKeyChangeEvent(event!.type, event!.data)).toEqual(event);
  expect(readKeyChangeEvent('Another', {})).toBeNull();
});

test.each([
  ['Ann Smith', ' ann  smith '],
  ['Ann Smith', ''],
  [' ', 'Rita Ng'],
])('%j and %j are no two persons', (by, witness) => {
  expect(() => keyChanges.decide(order(by, witness), 0)).toThrow(/names of two persons/);
});
