import { stepId } from '../../src/application/log/ids.js';

const EXECUTIONS = ['01931b6e-5d2a-7c10-8f00-0123456789ab', '01931b6e-5d2a-7c10-8f00-0123456789ac'] as const;

test("a step's id is a UUID that begins like its execution's, one for each step of each execution, always the same", () => {
  const idsOf = () => EXECUTIONS.flatMap((execution) => ['enrich', 'write'].map((step) => stepId(execution, step)));
  expect(new Set(idsOf()).size).toBe(4);
  expect(idsOf()).toEqual(idsOf());
  for (const id of idsOf()) expect(id).toMatch(/^01931b6e-5d2a-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
});
