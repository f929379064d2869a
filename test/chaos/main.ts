/**
 * `npm run chaos -- --minutes M [--seed S] [--log inside|outside|both] [--keep]`
 *
 * Two instances of the built application on one database, clients that never rest, an agent that fails in every way, and
 * random faults. Then all faults stop; executions that are not paused have to end by themselves, and the checker runs.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { createDataSource } from '../../src/infrastructure/postgres/data-source.js';
import { commandLine } from '../support/command-line.js';
import { checkStream, type ReportViolation } from './check-streams.js';
import { checkAcknowledged, checkLedger, checkTables } from './check-world.js';
import { Clients } from './clients.js';
import { Faults, type Targets } from './faults.js';
import type { Victim } from './processes.js';
import { randomOf, seedFor } from './random.js';
import { summary, vacuous, type Found } from './summary.js';
import { takeOvers } from './take-overs.js';
import { DOCUMENT_TYPE, openTrial, REST_LIMIT_MS, type Trial } from './trial.js';

const CLIENTS = 5;
const SHOWN = 30;

const USAGE = `Usage: npm run chaos -- [--minutes M] [--seed S] [--log inside|outside|both] [--keep]
Two real instances under kills, restarts, a hostile agent and a faulty event store, then a check of everything. --keep keeps the data.`;
const { values } = commandLine(USAGE, {
  options: {
    minutes: { type: 'string', default: '2' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    log: { type: 'string', default: 'both' },
    keep: { type: 'boolean', default: false },
  },
});
const minutes = Number(values.minutes);
const seed = Number(values.seed);
if (!(minutes > 0 && minutes <= 24 * 60)) throw new Error(`--minutes: expected 0 to 1440, got ${values.minutes}`);
if (!Number.isSafeInteger(seed)) throw new Error(`--seed: expected a whole number, got ${values.seed}`);
if (!['inside', 'outside', 'both'].includes(values.log)) throw new Error(`--log: inside, outside or both`);

const began = performance.now();
const say = (line: string) => console.log(`${((performance.now() - began) / 1_000).toFixed(1).padStart(7)} s  ${line}`);

const victimsOf = ({ instances, node }: Targets) => [...instances, ...(node ? [node.victim] : [])];

const rageFor = async (ms: number, faults: Faults, trial: Trial, victims: readonly Victim[]) => {
  const ending = new AbortController();
  const raging = faults.rage(ending.signal);
  const until = performance.now() + ms;
  while (performance.now() < until && !interrupted.aborted) {
    await delay(500);
    await trial.observer.watchCheckpoints();
    for (const victim of victims) await victim.seeTo();
  }
  ending.abort();
  await raging;
};

/** Waits until everything is at rest, or for the time limit. @returns what still moves then */
const rest = async (trial: Trial): Promise<string | undefined> => {
  const giveUpAt = performance.now() + REST_LIMIT_MS;
  for (;;) {
    const unrest = await trial.observer.unrest();
    if (!unrest || performance.now() > giveUpAt) return unrest;
    await delay(250);
  }
};

const check = async (
  trial: Trial,
  clients: Clients,
  reportViolation: ReportViolation,
): Promise<Pick<Found, 'streams' | 'ledger'>> => {
  const [streams, ledger] = [await trial.observer.streams(), await trial.ledger()];
  const ids = [...streams.values()].flatMap((events) => events.map(({ id }) => id));
  if (new Set(ids).size !== ids.length)
    reportViolation('I10', 'log', `${ids.length - new Set(ids).size} event ids twice`);
  for (const [id, events] of streams) checkStream(id, events, reportViolation);
  checkAcknowledged(streams, clients.acknowledged, reportViolation);
  checkLedger(streams, ledger, reportViolation);
  const dataSource = await createDataSource({ url: trial.databaseUrl, poolSize: 2 });
  await checkTables(dataSource, streams, reportViolation).finally(() => dataSource.destroy());
  return { streams, ledger };
};

const run = async (trial: Trial): Promise<readonly [Found, Targets['node']]> => {
  const violations: string[] = [];
  const reportViolation: ReportViolation = (invariant, id, what) => void violations.push(`${invariant} ${id}: ${what}`);
  await trial.begin();
  say(`Two instances at ${trial.urls.join(' and ')}, data in ${trial.dir}`);
  const clients = new Clients(trial.urls, seed, DOCUMENT_TYPE);
  clients.begin(CLIENTS);
  const fired = new Map<string, number>();
  let node: Targets['node'];
  const parts = values.log === 'both' ? (['inside', 'outside'] as const) : [values.log];
  for (const part of parts) {
    if (part === 'outside') say('The event node moves into a process of its own');
    const targets = part === 'outside' ? await trial.moveNodeOut() : trial.targets;
    node = targets.node;
    const faults = new Faults(targets, randomOf(seedFor(seed, `faults ${part}`)), say);
    await rageFor((minutes * 60_000) / parts.length, faults, trial, victimsOf(targets));
    for (const [name, count] of faults.fired) fired.set(name, (fired.get(name) ?? 0) + count);
    for (const error of faults.errors) reportViolation('trial', 'fault', error);
  }
  say('All faults stop');
  await trial.calm();
  await clients.stop();
  const calmAt = Date.now();
  const stillPaused = await clients.resumeMost(randomOf(seedFor(seed, 'resume')));
  const unrest = await rest(trial);
  if (unrest) reportViolation('I18', 'at rest', `after ${REST_LIMIT_MS} ms: ${unrest}`);
  await trial.observer.watchCheckpoints();
  say('At rest; checking');
  const { streams, ledger } = await check(trial, clients, reportViolation);
  for (const setback of trial.observer.setbacks) reportViolation('I13', 'checkpoint', setback);
  for (const strange of clients.unexpected) reportViolation('API', 'answer', strange);
  const victims = victimsOf({ ...trial.targets, node });
  for (const { name, misdeeds } of victims) for (const misdeed of misdeeds) reportViolation('process', name, misdeed);
  const lastAt = [...streams.values()].map((events) => events.at(-1)!.recordedAt.getTime());
  const recoveryMs = Math.max(0, ...lastAt.map((at) => at - calmAt));
  const lives = victims.flatMap(({ lives: all }) => all);
  const taken = takeOvers(streams.values(), lives, trial.targets.instances);
  const cutShort = victims.reduce((sum, victim) => sum + victim.cutShort, 0);
  const found = {
    streams,
    ledger,
    clients,
    fired,
    lives,
    taken,
    recoveryMs,
    stillPaused,
    cutShort,
    minutes,
    violations,
  };
  for (const emptiness of vacuous(found)) reportViolation('vacuous', 'trial', emptiness);
  return [found, node];
};

const interruption = new AbortController();
const interrupted = interruption.signal;
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => interruption.abort());

say(`Chaos for ${minutes} min, seed ${seed}`);
const trial = await openTrial(seed, randomOf(seedFor(seed, 'world')));
let node: Targets['node'];
let failed = true;
try {
  const [found, last] = await run(trial);
  node = last;
  failed = found.violations.length > 0;
  console.log(`\n${summary(found)}`);
  for (const violation of found.violations.slice(0, SHOWN)) console.log(`  ${violation}`);
  if (failed)
    console.log(`\nnpm run chaos -- --minutes ${minutes} --seed ${seed} --log ${values.log}; data in ${trial.dir}`);
} finally {
  await trial.close(node, values.keep || failed);
}
process.exit(failed ? 1 : 0);
