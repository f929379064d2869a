import { v5 } from 'uuid';
import { eventId, executionIdFor, stepId } from '../../src/application/log/ids.js';

const NAMESPACE = '5d3c1b86-6b0f-4c1e-9f0e-5d0a3c7b7a11';
const EXECUTIONS = ['01931b6e-5d2a-7c10-8f00-0123456789ab', '01931b6e-5d2a-7c10-8f00-0123456789ac'] as const;

test("a step's id is a UUID that begins like its execution's, one for each step of each execution, always the same", () => {
  const idsOf = () => EXECUTIONS.flatMap((execution) => ['enrich', 'write'].map((step) => stepId(execution, step)));
  expect(new Set(idsOf()).size).toBe(4);
  expect(idsOf()).toEqual(idsOf());
  for (const id of idsOf()) expect(id).toMatch(/^01931b6e-5d2a-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
});

test('derived ids are UUIDs of version 5, as any library makes them', () => {
  const expected = (...parts: readonly (string | number)[]) => v5(JSON.stringify(parts), NAMESPACE);
  for (let index = 0; index < 100; index++) {
    const content = JSON.stringify({ text: `"ü€${index}` });
    expect(eventId('owner', 'command', index, content)).toBe(expected('event', 'owner', 'command', index, content));
    expect(executionIdFor(`key ${index}`)).toBe(expected('execution', `key ${index}`));
  }
});
