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

/** One step's output laid over what came before: a key that returns replaces the earlier value. */
export const advance = (checkpoint: Checkpoint, step: string, output: JsonObject): Checkpoint => ({
  last_completed_step: step,
  intermediate_results: { ...checkpoint.intermediate_results, ...output },
});

/** What agents and clients get: the outputs of the completed steps, in order. */
export const checkpointOf = ({ steps, definition }: ExistingWorkflow): Checkpoint =>
  steps.reduce(
    (checkpoint, step, index) =>
      step.status === 'completed' ? advance(checkpoint, definition.steps[index]!.name, step.output) : checkpoint,
    emptyCheckpoint,
  );
