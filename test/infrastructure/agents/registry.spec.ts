import * as root from '../../../src/index.js';
import { registeredAgents } from '../../../src/infrastructure/agents/registry.js';

const agent = () => Promise.resolve({ success: true } as const);

test("the package's root exports what its users need, and starts nothing", () => {
  expect(Object.keys(root)).toEqual(['connectToEventStore', 'createClient', 'registerAgent', 'startExecutor']);
});

test('a later registration takes the place of an earlier one', () => {
  const later = () => agent();
  root.registerAgent('twice', agent);
  root.registerAgent('twice', later);
  expect(registeredAgents().get('twice')).toBe(later);
});

test('all copies of the module in a process share the registered agents', () => {
  // Where another copy, which has its own module scope, looks.
  const shared = (globalThis as Record<symbol, unknown>)[Symbol.for('workflow-executor.agents')];
  root.registerAgent('shared', agent);
  expect((shared as Map<string, unknown>).get('shared')).toBe(agent);
});

test.each(['', '1st', 'with space', 'ä', 'x'.repeat(65), '../x', 7, undefined, null])('%p is no name', (name) => {
  expect(() => root.registerAgent(name as string, agent)).toThrow(TypeError);
});
