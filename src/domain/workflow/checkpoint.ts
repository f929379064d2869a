import type { JsonObject } from '../json.js';
import type { ExistingWorkflow } from './state.js';

export type Checkpoint = Readonly<{
  last_completed_step: string | null;
  intermediate_results: JsonObject;
}>;

export const emptyCheckpoint: Checkpoint = {
  last_completed_step: null,
  intermediate_results: {},
};

/** What agents and clients get: the outputs of the completed steps, in order. */
export const checkpointOf = ({ steps, definition }: ExistingWorkflow): Checkpoint => {
  const done = steps.flatMap((step, index) =>
    step.status === 'completed' ? [{ name: definition.steps[index]!.name, output: step.output }] : [],
  );
  return {
    last_completed_step: done.at(-1)?.name ?? null,
    // One step's output laid over what came before: a key that returns replaces the earlier value.
    intermediate_results: Object.fromEntries(done.flatMap(({ output }) => Object.entries(output))),
  };
};
