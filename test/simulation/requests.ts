/** Requests over a network that may not answer, to an instance that may be down; repeated, as clients do. */
import type { Cluster } from './cluster.js';
import type { Instance } from './instance.js';
import type { Machine } from './machine.js';
import type { Random } from '../../src/testing/random.js';

const ANSWER_TIMEOUT_MS = 15_000;
const AGAIN_AFTER_MS = 4_000;

export type Request<Answer> = Readonly<{
  /** For the trace. */
  what: string;
  /** How often the client sends it at most. */
  attempts: number;
  send: (instance: Instance) => Promise<Answer>;
  answered: (answer: Answer, by: Machine) => void;
  /** @returns whether it is worth another try */
  refused: (error: unknown) => boolean;
}>;

export class Requests {
  constructor(
    private readonly cluster: Cluster,
    private readonly random: Random,
  ) {}

  make<Answer>(request: Request<Answer>): void {
    const { timeline, happenings } = this.cluster;
    const { what, attempts, send, answered, refused } = request;
    let isOver = false;
    const again = (why: string) => {
      if (isOver) return;
      isOver = true;
      happenings.tell(() => `client: ${what}: ${why}`);
      if (attempts > 1) timeline.after(AGAIN_AFTER_MS, () => this.make({ ...request, attempts: attempts - 1 }));
    };
    const failed = (error: unknown) => {
      if (refused(error)) return again(String(error));
      isOver = true;
      happenings.tell(() => `client: ${what} is refused: ${String(error)}`);
    };
    timeline.after(this.random.between(0, 20), () => {
      const instance = this.cluster.anyInstance(this.random);
      if (!instance) return again('no instance listens');
      const { machine } = instance;
      // Drops the answers of a machine that has died meanwhile.
      const heard =
        <T>(hear: (answer: T) => void) =>
        (answer: T) => {
          if (machine.isAlive && !isOver) hear(answer);
        };
      const succeeded = (answer: Answer) => {
        isOver = true;
        answered(answer, machine);
      };
      machine.tell(() => void send(instance).then(heard(succeeded), heard(failed)));
      timeline.after(ANSWER_TIMEOUT_MS, () => again('no answer'));
    });
  }
}

/** An error that does not refuse the request: the same request may be accepted in a moment. */
export const isPassing = (error: unknown): boolean =>
  error instanceof Error &&
  ['LogUnavailable', 'AppendOutcomeUnknown', 'RevisionConflict'].includes(error.constructor.name);
