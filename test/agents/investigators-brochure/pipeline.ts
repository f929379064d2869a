import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { AgentInput } from '../../../src/application/agents/agents.js';
import type { JsonObject } from '../../../src/domain/json.js';
import type { DocumentContext } from '../../../src/agents/investigators-brochure/agent.js';
import { documentAgents } from '../../../src/agents/investigators-brochure/index.js';
import type { Fact } from '../../../src/agents/investigators-brochure/project/fact.js';
import type { WrittenSection } from '../../../src/agents/investigators-brochure/document.js';

export const examples = fileURLToPath(new URL('../../../examples', import.meta.url));
const context: DocumentContext = { projectsDir: examples, now: () => new Date('2025-11-11T18:00:00Z') };

const STEPS = ['enrich', 'compose', 'write', 'validate', 'assemble', 'export'] as const;
export type Step = (typeof STEPS)[number];

export const input = (
  step: string,
  results: JsonObject = {},
  metadata: JsonObject = {},
  project = 'metformin',
): AgentInput => ({
  execution_id: '5b6f2d0e-1c5e-4a53-9d0a-6a2f5c3f7d11',
  project_id: project,
  document_type: 'ib',
  step,
  attempt: 1,
  metadata,
  checkpoint: { last_completed_step: null, intermediate_results: results },
});

export const run = async (step: Step, results: JsonObject, metadata: JsonObject = {}, project?: string) => {
  const result = await documentAgents[step](input(step, results, metadata, project), context);
  if (!result.success)
    throw new Error(`Expected ${step} to succeed, got ${result.error.code}: ${result.error.message}`);
  return result;
};

export const refused = async (step: Step, results: JsonObject, metadata: JsonObject = {}, project?: string) => {
  const result = await documentAgents[step](input(step, results, metadata, project), context);
  if (result.success) throw new Error(`Expected ${step} to be refused, it succeeded`);
  return result.error;
};

/** All that the steps before `end` leave, laid over each other as the executor does. */
export const resultsBefore = async (end: Step, metadata: JsonObject = {}, project?: string): Promise<JsonObject> => {
  let results: JsonObject = {};
  for (const step of STEPS.slice(0, STEPS.indexOf(end)))
    results = { ...results, ...(await run(step, results, metadata, project)).data };
  return results;
};

/** What is under a key, as a copy that a test may change. */
export const taken = <T>(results: JsonObject, key: string): T => structuredClone(results[key]) as T;
export const factsOf = (results: JsonObject) => taken<Fact[]>(results, 'facts');
export const sectionsOf = (results: JsonObject) => taken<WrittenSection[]>(results, 'sections');

type Editable = Record<string, unknown> & { facts: Record<string, unknown>[]; sources: Record<string, unknown>[] };
export const exampleProject = (): Editable =>
  JSON.parse(readFileSync(`${examples}/metformin.json`, 'utf8')) as Editable;
