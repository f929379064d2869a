/** The test language of a decider: given(history).when(command).then(events). */
import { type Decider, CommandRejected, type RejectionDetails } from '../../src/domain/decider.js';
import { workflow } from '../../src/domain/workflow/index.js';

/** Frozen all the way down, so that a decide() or evolve() that mutates fails its test. */
export const frozen = <T>(value: T): T => {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value;
  Object.values(Object.freeze(value)).forEach(frozen);
  return value;
};

export const givenFor =
  <Command, State, Event>({ decide, evolve, initialState }: Decider<Command, State, Event>) =>
  (...history: readonly Event[]) => {
    const replay = (events: readonly Event[]): State =>
      frozen(events).reduce((state, event) => frozen(evolve(state, event)), initialState);
    return {
      /** The state that the history leads to. */
      state: () => replay(history),
      when(command: Command) {
        const run = () => decide(frozen(command), replay(history));
        return {
          then(...expected: readonly Event[]) {
            const events = run();
            expect(events).toEqual(expected);
            replay([...history, ...events]); // evolve() must accept what decide() returns
          },
          thenNothing: () => expect(run()).toEqual([]),
          thenRejected(kind: CommandRejected['kind'], message: RegExp, details?: RejectionDetails) {
            const rejection = rejectionOf(run);
            expect({ kind: rejection.kind, message: rejection.message }).toEqual({
              kind,
              message: expect.stringMatching(message),
            });
            if (details) expect(rejection.details).toEqual(details);
          },
        };
      },
    };
  };

const rejectionOf = (run: () => unknown): CommandRejected => {
  let outcome: unknown;
  try {
    outcome = run();
  } catch (error) {
    if (error instanceof CommandRejected) return error;
    throw error;
  }
  throw new Error(`Expected the command to be rejected, got ${JSON.stringify(outcome)}`);
};

export const given = givenFor(workflow);
