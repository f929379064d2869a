import { NotFound, NotReady, TooMuchWaiting } from '../../src/application/runtime/errors.js';
import { ExecutionEnds } from '../../src/application/workflow/execution-ends.js';
import { answers, CountingIds, EXECUTION, lineTo, onDemand, step, world } from '../support/saga-world.js';

/** One instance runs executions of one step; another, which has read the running execution before, is asked for ends. */
const twoInstances = async (waiting = 10) => {
  const agent = onDemand();
  const here = world([step('only')], agent.behave);
  const { saga } = here.instance('worker-a');
  const line = lineTo(here.log);
  const { workflows } = here.instance('worker-b', {}, undefined, line.line);
  const ids = new CountingIds('e');
  const ports = { log: line.line, clock: here.clock, ids, workflows };
  const ends = new ExecutionEnds(ports, { waiting, retryAfterSeconds: 5 }, (message) => here.errors.push(message));
  await saga.submit(EXECUTION, here.start());
  await workflows.load(EXECUTION);
  const finish = async () => {
    agent.answer(answers({ made: 'it' }));
    await here.clock.pass(0);
  };
  return { ...here, ends, line, saga, finish };
};

describe('the end of an execution', () => {
  it('is heard of another instance, though what was known here is older', async () => {
    const { ends, finish } = await twoInstances();
    const ended = ends.of(EXECUTION);
    await finish();
    expect(await ended).toMatchObject({ state: { status: 'completed', steps: [{ output: { made: 'it' } }] } });
    await ends.stop();
  });

  it('is known at once where it is in the log, heard or not', async () => {
    const { ends, finish } = await twoInstances();
    await finish();
    expect(await ends.of(EXECUTION)).toMatchObject({ state: { status: 'completed' }, revision: 3n });
    await ends.stop();
  });

  it('is heard after the subscription was lost meanwhile', async () => {
    const { ends, finish, log, clock } = await twoInstances();
    const ended = ends.of(EXECUTION);
    await clock.pass(0);
    log.disconnect(new Error('gone'));
    await finish();
    await clock.pass(10_000);
    expect(await ended).toMatchObject({ state: { status: 'completed' } });
    await ends.stop();
  });

  it('is waited for again where the first follower could not begin', async () => {
    const { ends, finish, line } = await twoInstances();
    line.isAway = true;
    await expect(ends.of(EXECUTION)).rejects.toThrow('away');
    line.isAway = false;
    const ended = ends.of(EXECUTION);
    await finish();
    expect(await ended).toMatchObject({ state: { status: 'completed' } });
    await ends.stop();
  });

  it('is not waited for by more calls than may wait, nor for what there is not', async () => {
    const { ends, finish } = await twoInstances(1);
    await expect(ends.of('00000000-0000-4000-8000-000000000000')).rejects.toThrow(NotFound);
    const ended = ends.of(EXECUTION);
    await expect(ends.of(EXECUTION)).rejects.toThrow(TooMuchWaiting);
    await finish();
    await ended;
    await ends.of(EXECUTION);
    await ends.stop();
  });

  it('is not waited for after the caller has left, or the instance stops', async () => {
    const { ends, clock } = await twoInstances();
    const leaving = new AbortController();
    const left = ends.of(EXECUTION, leaving.signal);
    const stopped = ends.of(EXECUTION);
    const refused = [expect(left).rejects.toThrow('left'), expect(stopped).rejects.toThrow(NotReady)];
    await clock.pass(0);
    leaving.abort(new Error('left'));
    await ends.stop();
    await Promise.all(refused);
  });
});
