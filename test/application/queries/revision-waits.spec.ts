import { HeldBackExecutions } from '../../../src/application/workflow/held-back.js';
import { GetExecution, GetExecutionHandler } from '../../../src/application/queries/get-execution.js';
import { ReadModel, type Overview } from '../../../src/application/queries/read-model.js';
import { RevisionWaits } from '../../../src/application/queries/revision-waits.js';
import type { Workflows } from '../../../src/application/workflow/workflows.js';
import { settle } from '../../../src/testing/real-time.js';
import { VirtualClock } from '../../../src/testing/virtual-clock.js';

/** Counts what it is asked for. */
class CountedReadModel extends ReadModel {
  revision = 1n;
  looks: (readonly string[])[] = [];
  reads = 0;
  failure: Error | null = null;

  async revisions(ids: readonly string[]): Promise<ReadonlyMap<string, bigint>> {
    this.looks.push(ids);
    if (this.failure) throw this.failure;
    return new Map(ids.map((id) => [id, this.revision]));
  }
  async overview(): Promise<Overview> {
    this.reads += 1;
    return { execution: { revision: String(this.revision) } } as Overview;
  }
  async hasState(): Promise<never> {
    throw new Error('not asked for');
  }
  async typesAmong(): Promise<never> {
    throw new Error('not asked for');
  }
  async executions(): Promise<never> {
    throw new Error('not asked for');
  }
  async events(): Promise<never> {
    throw new Error('not asked for');
  }
  async artifact(): Promise<never> {
    throw new Error('not asked for');
  }
}

const there = { load: async () => ({ state: { status: 'running' } }) } as unknown as Workflows;
const LIMITS = { waitMs: 2_000, everyMs: 20, waiting: 60 };
const EVERYTHING = { steps: true, events: true };

describe('waiting for a revision', () => {
  let clock: VirtualClock;
  let readModel: CountedReadModel;
  let handler: GetExecutionHandler;
  beforeEach(() => {
    clock = new VirtualClock();
    readModel = new CountedReadModel();
    handler = new GetExecutionHandler(
      readModel,
      there,
      new RevisionWaits(readModel, clock, LIMITS),
      new HeldBackExecutions(),
    );
  });
  const ask = (minRevision: bigint, signal?: AbortSignal, id = 'one') =>
    handler.execute(new GetExecution(id, EVERYTHING, minRevision, signal));

  test('one look for all who wait, at revisions alone; then the execution is read once', async () => {
    const clients = Array.from({ length: 50 }, (_, index) => ask(2n, undefined, index % 2 ? 'one' : 'two'));
    await settle();
    readModel.looks = [];
    await clock.pass(1_000);
    expect(readModel.reads).toBe(0);
    expect(readModel.looks).toHaveLength(50);
    expect(readModel.looks.at(-1)).toEqual(['two', 'one']);
    readModel.revision = 2n;
    await clock.pass(20);
    const answers = await Promise.all(clients);
    expect(answers.every(({ behind }) => !behind)).toBe(true);
    expect(readModel.reads).toBe(2);
    expect(clock.untilNext).toBeNull();
  });

  test('a wait ends after its time, with what there is; then nobody looks any more', async () => {
    const answer = ask(2n);
    await clock.pass(2_000);
    expect((await answer).behind).toBe(true);
    await clock.pass(20);
    readModel.looks = [];
    await clock.pass(1_000);
    expect(readModel.looks).toEqual([]);
  });

  test('what is there already is read at once', async () => {
    expect((await ask(1n)).behind).toBe(false);
    expect([readModel.looks.length, readModel.reads]).toEqual([1, 1]);
  });

  test('with as many waiting as may, one more is answered at once', async () => {
    const waiting = Array.from({ length: 60 }, () => ask(2n));
    await settle();
    expect((await ask(2n)).behind).toBe(true);
    readModel.revision = 2n;
    await clock.pass(20);
    expect((await Promise.all(waiting)).some(({ behind }) => behind)).toBe(false);
  });

  test('a client that has left is not looked for any more', async () => {
    const left = new AbortController();
    const answer = ask(2n, left.signal);
    await settle();
    left.abort();
    expect((await answer).behind).toBe(true);
    await clock.pass(20);
    readModel.looks = [];
    await clock.pass(500);
    expect(readModel.looks).toEqual([]);
  });

  test('where the tables cannot be read, all who wait hear of it', async () => {
    const waiting = [ask(2n), ask(3n)].map((answer) => answer.catch((error: Error) => error.message));
    await settle();
    readModel.failure = new Error('away');
    await clock.pass(20);
    expect(await Promise.all(waiting)).toEqual(['away', 'away']);
  });
});
