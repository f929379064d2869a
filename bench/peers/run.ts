/** One turn of one contender, in a process of its own: `bench/peers/turn.ts` starts it and gets what it has measured. */
import { cpuSecondsOf } from '../cpu.js';
import { residentMegabytesOf } from '../processes.js';
import { inFlightAlways } from './in-flight.js';
import type { Engine, Measured, Setup, Start } from './contender.js';
import { resultOf, STEPS } from './work.mjs';

const MEMORY_LOOK_MS = 250;

/** Each is loaded only where it is run. */
const CONTENDERS: Readonly<Record<string, () => Promise<Start>>> = {
  ours: async () => (await import('./contenders/ours.js')).startOne,
  'ours in process': async () => (await import('./contenders/ours-in-process.js')).start,
  'ours x2': async () => (await import('./contenders/ours.js')).startTwo,
  restate: async () => (await import('./contenders/restate.js')).start,
  dbos: async () => (await import('./contenders/dbos.js')).start,
  openworkflow: async () => (await import('./contenders/openworkflow.js')).start,
  emmett: async () => (await import('./contenders/emmett.js')).start,
  'pg-boss': async () => (await import('./contenders/pg-boss.js')).start,
};

async function turn(setup: Setup): Promise<Measured> {
  const start = await CONTENDERS[setup.contender]?.();
  if (!start) throw new Error(`There is no contender '${setup.contender}'`);
  const engine = await start(setup);
  try {
    return await measure(engine, setup);
  } finally {
    await engine.stop();
  }
}

async function measure(engine: Engine, { inFlight, warmUp, alone, workflows, pids }: Setup): Promise<Measured> {
  await inFlightAlways(engine, 0, warmUp, inFlight);
  await engine.settled?.();
  const aloneMs: number[] = [];
  const aloneStoredMs: number[] = [];
  for (let workflow = warmUp; workflow < warmUp + alone; workflow++) {
    const [began, startedAt] = [performance.now(), Date.now()];
    await engine.run(workflow);
    aloneMs.push(performance.now() - began);
    aloneStoredMs.push(((await engine.settled?.()) ?? Date.now()) - startedAt);
  }

  const all = [process.pid, ...pids];
  const cpuBefore = await cpuSecondsOf(all);
  const resident = watchMemory(engine.pids ?? [process.pid]);
  const began = Date.now();
  await inFlightAlways(engine, warmUp + alone, workflows, inFlight);
  const completed = Date.now();
  const lastStored = (await engine.settled?.()) ?? completed;
  const ended = Date.now();
  const cpuSeconds = (await cpuSecondsOf(all)) - cpuBefore;
  const residentMegabytes = await resident.highest();
  const verified = verify(await engine.stored(), warmUp + alone + workflows);
  const [seconds, completedSeconds] = [(ended - began) / 1_000, (lastStored - began) / 1_000];
  const measured = { inFlight, workflows, seconds, completedSeconds, cpuSeconds, residentMegabytes };
  return { ...measured, aloneMs, aloneStoredMs, verified };
}

const watchMemory = (pids: readonly number[]) => {
  let highest = 0;
  const look = async () => {
    const each = await Promise.all(pids.map(residentMegabytesOf));
    highest = Math.max(
      highest,
      each.reduce((sum, megabytes) => sum + megabytes, 0),
    );
  };
  const watch = setInterval(() => void look(), MEMORY_LOOK_MS);
  return {
    highest: async () => {
      clearInterval(watch);
      await look();
      return highest;
    },
  };
};

/** @returns how many results were as they should be, which are all. @throws where one is not */
function verify(stored: ReadonlyMap<number, readonly unknown[]>, workflows: number): number {
  if (stored.size !== workflows)
    throw new Error(`Expected ${workflows} completed workflows, ${stored.size} are stored`);
  for (let workflow = 0; workflow < workflows; workflow++) {
    const results = stored.get(workflow) ?? [];
    if (results.length !== STEPS)
      throw new Error(`Expected ${STEPS} results of workflow ${workflow}, ${results.length} are stored`);
    for (const [step, result] of results.entries())
      if (result !== resultOf(workflow, step))
        throw new Error(`Step ${step} of workflow ${workflow}: got ${JSON.stringify(result)?.slice(0, 80)}`);
  }
  return workflows * STEPS;
}

process.once('disconnect', () => process.exit(1));
process.once('message', (setup: Setup) => {
  turn(setup).then(
    (measured) => process.send?.({ measured }, () => process.exit(0)),
    (error: unknown) =>
      process.send?.({ error: error instanceof Error ? error.stack : String(error) }, () => process.exit(1)),
  );
});
