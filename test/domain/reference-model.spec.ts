/** Random commands, right and wrong, early and late: the domain does what a model that knows nothing of it says. */
import fc from 'fast-check';
import { stepIdAt } from '../support/histories.js';
import { ReferenceModel, type Prediction } from './reference-model.js';
import { take, walks, type Turn } from './walks.js';

const options = { seed: 20_300_103, numRuns: 400 };

const said = ({ events }: Turn): Prediction => events?.map(({ type }) => type) ?? 'refused';

const stands = ({ status, steps }: Pick<ReferenceModel, 'status'> & Pick<Turn['after'], 'steps'>) => ({
  status,
  steps: steps.map((each) => ({
    ...{ status: each.status, attempt: each.attempt, generation: each.generation, tries: each.tries },
    dueAt: each.status === 'waiting' ? Date.parse(each.retryAt) : 0,
  })),
});

const modelStands = ({ status, steps }: ReferenceModel) => ({
  status,
  steps: steps.map((each) => ({
    ...{ status: each.status, attempt: each.attempt, generation: each.generation, tries: each.tries },
    dueAt: each.status === 'waiting' ? each.dueAt : 0,
  })),
});

test('each command has the events, and leaves the state, that the model foretells', () =>
  fc.assert(
    fc.property(walks, (walk) => {
      const ids = walk.definition.steps.map((_, index) => stepIdAt(index));
      const model = new ReferenceModel(walk.definition, walk.autoExecute, ids);
      for (const turn of take(walk).slice(1)) {
        expect({ command: turn.command, is: said(turn) }).toEqual({
          command: turn.command,
          is: model.give(turn.command),
        });
        expect(stands(turn.after)).toEqual(modelStands(model));
      }
    }),
    options,
  ));
