/** One seed, one schedule: faults for a while, then none, then everything that must hold is looked at. */
import type { Definitions } from '../../src/application/definitions.js';
import { hashOf } from '../../src/application/hash.js';
import type { WorkflowDefinition } from '../../src/domain/workflow/definition.js';
import { workflowStream } from '../../src/domain/workflow/index.js';
import { AgentService, HEALTHY } from './agents.js';
import { Clients } from './clients.js';
import { Cluster, type Crash } from './cluster.js';
import { Database } from './database.js';
import { EventStore, NO_NETWORK_FAULTS } from './event-store.js';
import { invariants } from './invariants.js';
import { follow, isAtRest, longestRest } from './model.js';
import { Random } from './random.js';
import { scenarioOf, type Fault, type Scenario } from './scenario.js';
import { Timeline } from './timeline.js';
import { I12, isCaughtUp, Reference } from './world-invariants.js';
import type { Happenings, Machine } from './machine.js';

export type RunOptions = Readonly<{
  seed: number;
  tell?: (line: string) => void;
  /** Changes what the seed stands for. */
  scenario?: (scenario: Scenario) => Scenario;
  crash?: Crash;
}>;

export type RunResult = Readonly<{
  violations: readonly string[];
  counts: ReadonlyMap<string, number>;
  /** From the end of the faults until nothing was owed any more, virtual milliseconds. */
  recoveryMs: number;
}>;

const LOOK_EVERY_MS = 500;
const SLACK_MS = 60_000;
const IDLE_MS = 30_000;
/** No schedule has a reason for more; where one has, instances fight over a step or something is done over and over. */
const MOST_EVENTS = 400;

export const runSchedule = async ({ seed, tell, scenario: change, crash }: RunOptions): Promise<RunResult> => {
  const counts = new Map<string, number>();
  const timeline = new Timeline();
  const happenings: Happenings = {
    count: (what) => void counts.set(what, (counts.get(what) ?? 0) + 1),
    tell: tell ? (line) => tell(`${(timeline.elapsed / 1000).toFixed(3).padStart(9)} ${line()}`) : () => undefined,
  };
  const plan = new Random(seed);
  const scenario = change ? change(scenarioOf(plan)) : scenarioOf(plan);
  const random = new Random(seed ^ 0x5eed);
  const store = new EventStore(timeline, random, happenings);
  const database = new Database(timeline, happenings);
  const agents = new AgentService(store);
  const definitions = published(scenario.definitions);
  const { limits } = scenario;
  const around = { store, database, agents, definitions, limits };
  const cluster = new Cluster(scenario.instances, timeline, random, happenings, around, scenario.skews);
  const clients = new Clients(cluster, random, scenario);
  const violations: string[] = [];
  const reference = new Reference(database);
  const compareTables = () => {
    const events = store.events;
    violations.push(...reference.I12_I13(events).filter((wrong) => !violations.includes(wrong)));
  };

  cluster.onKill = compareTables;
  cluster.crash = crash ?? null;
  store.faults = { ...scenario.network };
  agents.habits = scenario.habits;
  cluster.bootAll();
  for (let index = 0; index < scenario.executions; index++) {
    timeline.after(random.between(0, scenario.windowMs / 3), () => clients.start());
  }
  for (let index = 0; index < scenario.commands; index++) {
    timeline.after(random.between(0, scenario.windowMs), () => clients.control());
  }
  for (const fault of scenario.faults) timeline.after(fault.at, () => inject(fault, cluster));
  if (scenario.hasPoison) timeline.after(random.between(0, scenario.windowMs), () => poison(store, random));
  const isStorm = () => store.length > MOST_EVENTS;
  await timeline.run(scenario.windowMs, isStorm);

  happenings.tell(() => 'the faults end');
  const healedAt = timeline.now;
  store.faults = { ...NO_NETWORK_FAULTS };
  agents.habits = HEALTHY;
  cluster.crash = null;
  cluster.heal();
  compareTables();

  // What is still on its way: late appends, and clients that wait for an answer before they ask again.
  await timeline.run(IDLE_MS, isStorm);

  const executions = () =>
    clients.executions.map((executionId) => ({
      executionId,
      events: store.eventsOf(workflowStream(executionId)),
    }));
  const stands = () => executions().map(({ events }) => follow(events).at(-1)?.after);
  const owed = stands().reduce((sum, model) => sum + (model ? longestRest(model, timeline.now) : 0), 0);
  let isResting = false;
  let seen = -1;
  const look = () => {
    if (store.length !== seen) isResting = stands().every((model) => !model || isAtRest(model));
    seen = store.length;
    if (!isResting || !isCaughtUp(database, store.events.at(-1))) timeline.after(LOOK_EVERY_MS, look);
    else isOver = true;
  };
  let isOver = false;
  look();
  await timeline.run(owed + SLACK_MS, () => isOver || isStorm());
  const recoveryMs = timeline.now - healedAt;
  if (isStorm()) {
    cluster.endAll();
    return { violations: [`I18 more than ${MOST_EVENTS} events: something is done over and over`], counts, recoveryMs };
  }
  if (!isResting) violations.push(`I18 after ${recoveryMs} ms without faults something is still owed`);
  else if (!isOver) violations.push('I18 the projections have not passed the last event');
  await timeline.run(LOOK_EVERY_MS);

  compareTables();
  for (const { executionId, events } of executions()) {
    const moments = follow(events);
    const facts = {
      executionId,
      moments,
      acknowledged: clients.acknowledged.filter((it) => it.executionId === executionId),
      asked: agents.ledger.asked.filter((it) => it.executionId === executionId),
      answered: agents.ledger.answered.filter((it) => it.executionId === executionId),
      effects: agents.ledger.effects,
    };
    for (const [name, find] of Object.entries(invariants)) {
      if (moments.length === 0 && name !== 'I1' && name !== 'I2' && name !== 'I4') continue;
      violations.push(...find(facts).map((wrong) => `${name} ${executionId.slice(0, 8)} ${wrong}`));
    }
    if (isOver) violations.push(...I12(database, executionId, events));
    const status = moments.at(-1)?.after.status;
    happenings.count(`ends ${status ?? 'unborn'}`);
  }
  violations.push(...clients.astonished.map((wrong) => `I10 a client got ${wrong}`));
  if (isOver) violations.push(...(await I14()));
  cluster.endAll();
  return { violations, counts, recoveryMs };

  /** A new instance that finds an empty database reads the whole history: it calls no agent and appends nothing. */
  async function I14(): Promise<readonly string[]> {
    const [events, calls] = [store.length, agents.ledger.asked.length];
    cluster.endAll();
    const empty = new Database(timeline, happenings);
    const anew = new Cluster(1, timeline, random, happenings, { ...around, database: empty }, []);
    anew.bootAll();
    await timeline.run(IDLE_MS);
    anew.endAll();
    const wrong = [...new Reference(empty).I12_I13(store.events)];
    if (store.length !== events) wrong.push(`I14 ${store.length - events} events were appended by reading them again`);
    if (agents.ledger.asked.length !== calls) wrong.push('I14 an agent was called by reading the events again');
    if (!isCaughtUp(empty, store.events.at(-1))) wrong.push('I14 the tables were not built again');
    return wrong;
  }
};

const inject = (fault: Fault, cluster: Cluster): void => {
  const { timeline, happenings, around } = cluster;
  const machine = cluster.instances[fault.slot]?.machine;
  happenings.tell(() => `fault: ${JSON.stringify({ ...fault, machine: machine?.name })}`);
  const counted = () => happenings.count(`fault ${fault.kind}`);
  if (fault.kind === 'log away') {
    counted();
    around.store.goAway();
    timeline.after(fault.ms, () => around.store.comeBack());
  } else if (fault.kind === 'database away') {
    counted();
    around.database.goAway();
    timeline.after(fault.ms, () => around.database.comeBack());
  } else if (machine) strike(fault as MachineFault, machine, cluster);
};

type MachineFault = Exclude<Fault, { kind: 'log away' | 'database away' }>;

/** A fault of one machine. */
const strike = (fault: MachineFault, machine: Machine, cluster: Cluster): void => {
  const { timeline, happenings } = cluster;
  const counted = () => happenings.count(`fault ${fault.kind}`);
  counted();
  switch (fault.kind) {
    case 'kill':
      return machine.die('at random');
    case 'stop':
      return cluster.shutDown(fault.slot);
    case 'doom':
      machine.doom = { ...fault.doom };
      return;
    case 'freeze':
      if (fault.ms > 20 * 60_000) happenings.count('fault freeze of over 20 min');
      machine.frozenUntil = Math.max(machine.frozenUntil, timeline.now + fault.ms);
      return;
    case 'skew':
      machine.skewMs = fault.ms;
      return;
  }
};

/** Something that no version of this application writes, in a stream of its own. */
const poison = (store: EventStore, random: Random): void => {
  if (store.isAway) return;
  store.happenings.count('fault poison');
  const event = { id: random.uuid(), type: 'StepCompleted', data: 'not an object', metadata: {} };
  store.append(workflowStream(random.uuid()), [event], 'none');
};

const published = (list: readonly WorkflowDefinition[]): Definitions => {
  const all = list.map((definition) => ({ definition, hash: hashOf(definition) }));
  return {
    all: () => all,
    byDocumentType: (documentType) => all.find(({ definition }) => definition.documentType === documentType),
  };
};
