/** Runs the schedule of a seed: faults for a while, then none, then a check of all invariants. */
import type { Definitions } from '../../src/application/workflow/definitions.js';
import { hashOf } from '../../src/application/log/event-hash.js';
import type { WorkflowDefinition } from '../../src/domain/workflow/events.js';
import { workflowStream } from '../../src/domain/workflow/index.js';
import { HmacTaskTokens } from '../../src/infrastructure/agents/agent-task-reports.js';
import { AgentService, HEALTHY } from './agents.js';
import { Clients } from './clients.js';
import { Cluster, type Crash } from './cluster.js';
import { Disks } from './disk.js';
import { Database } from './database.js';
import { EventStore } from './event-store.js';
import { invariants } from './invariants.js';
import { follow, isAtRest, longestRest } from './model.js';
import { Random } from '../../src/testing/random.js';
import { Requests } from './requests.js';
import { inject, poison, watchCircuits } from './faults.js';
import { Holds } from './holds.js';
import { longestWait, scenarioOf, type Scenario } from './scenario.js';
import { silence, untrueAnswers } from './task-invariants.js';
import { Tasks } from './tasks.js';
import { Timeline } from './timeline.js';
import { I12, isCaughtUp, Reference } from './world-invariants.js';
import type { Happenings } from './machine.js';

export type RunOptions = Readonly<{
  seed: number;
  tell?: (line: string) => void;
  /** Changes the scenario of the seed. */
  scenario?: (scenario: Scenario) => Scenario;
  crash?: Crash;
  /** See scenarioOf(). */
  isPlain?: boolean;
}>;

export type RunResult = Readonly<{
  violations: readonly string[];
  counts: ReadonlyMap<string, number>;
  /** From the end of the faults until nothing is pending, in virtual milliseconds. */
  recoveryMs: number;
}>;

const LOOK_EVERY_MS = 500;
const SLACK_MS = 60_000;
const IDLE_MS = 30_000;
/** No schedule has a reason for more: in a schedule with more, instances fight over a step or repeat it without end. */
const MOST_EVENTS = 400;

export const runSchedule = async ({ seed, tell, scenario: change, crash, isPlain }: RunOptions): Promise<RunResult> => {
  const counts = new Map<string, number>();
  const timeline = new Timeline();
  const happenings: Happenings = {
    count: (what) => void counts.set(what, (counts.get(what) ?? 0) + 1),
    tell: tell ? (line) => tell(`${(timeline.elapsed / 1000).toFixed(3).padStart(9)} ${line()}`) : () => undefined,
  };
  const plan = new Random(seed);
  const scenario = (change ?? ((it) => it))(scenarioOf(plan, isPlain));
  const random = new Random(seed ^ 0x5eed);
  const store = new EventStore(timeline, random, happenings);
  const database = new Database(timeline, happenings);
  const agents = new AgentService(store);
  const definitions = published(scenario.definitions);
  const { limits, bounds } = scenario;
  const tokens = new HmacTaskTokens(Buffer.alloc(32, 1));
  const disks = new Disks(happenings);
  const canHold = scenario.holds > 0;
  const around = { store, database, disks, agents, definitions, limits, bounds, canHold, tokens };
  if (scenario.skews.some((skew) => skew !== 0)) happenings.count('fault skew from the start');
  const cluster = new Cluster(scenario.instances, timeline, random, happenings, around, scenario.skews);
  cluster.slowShare = scenario.slowShare;
  if (scenario.slowShare > 0) happenings.count('fault slow answers');
  const requests = new Requests(cluster, random);
  const clients = new Clients(cluster, random, scenario, requests);
  const tasks = new Tasks(cluster, random, requests, agents.ledger, tokens);
  const holds = new Holds(cluster, random, requests);
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
  agents.onDeferred = (call) => tasks.begin(call);
  cluster.bootAll();
  for (let index = 0; index < scenario.executions; index++) {
    timeline.after(random.between(0, scenario.windowMs / 3), () => clients.start());
  }
  for (let index = 0; index < scenario.commands; index++) {
    timeline.after(random.between(0, scenario.windowMs), () => clients.control());
  }
  for (const fault of scenario.faults) timeline.after(fault.at, () => inject(fault, cluster));
  if (scenario.hasPoison) timeline.after(random.between(0, scenario.windowMs), () => poison(store, random));
  for (let index = 0; index < scenario.holds; index++) {
    timeline.after(random.between(0, scenario.windowMs), () => holds.order());
  }
  if (bounds) watchCircuits(cluster);
  const isStorm = () => store.length > MOST_EVENTS;
  await timeline.run(scenario.windowMs, isStorm);

  happenings.tell(() => 'the faults end');
  const healedAt = timeline.now;
  agents.habits = HEALTHY;
  cluster.crash = null;
  cluster.heal();
  compareTables();

  // Late appends may still arrive, and clients may still wait for an answer before they repeat a request.
  await timeline.run(IDLE_MS, isStorm);
  if (scenario.holds > 0) holds.releaseAll();

  const executions = () =>
    clients.executions.map((executionId) => ({
      executionId,
      events: store.eventsOf(workflowStream(executionId)),
    }));
  const stands = () => executions().map(({ events }) => follow(events).at(-1)?.after);
  const remainingMs = stands().reduce(
    (sum, model) => sum + (model ? longestRest(model, timeline.now) : 0),
    longestWait(scenario),
  );
  let isResting = false;
  let seen = -1;
  const look = () => {
    if (store.length !== seen) isResting = stands().every((model) => !model || isAtRest(model));
    seen = store.length;
    if (!isResting || !isCaughtUp(database, store.events)) timeline.after(LOOK_EVERY_MS, look);
    else isOver = true;
  };
  let isOver = false;
  look();
  await timeline.run(remainingMs + SLACK_MS, () => isOver || isStorm());
  const recoveryMs = timeline.now - healedAt;
  if (isStorm()) {
    cluster.endAll();
    return {
      violations: [`I18 more than ${MOST_EVENTS} events: something is repeated without end`],
      counts,
      recoveryMs,
    };
  }
  if (!isResting) violations.push(`I18 after ${recoveryMs} ms without faults something is still pending`);
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
    const reported = tasks.reported.filter(({ ref }) => ref.executionId === executionId);
    const ofTasks = [...untrueAnswers(moments, reported), ...silence(moments, healedAt, timeline.now)];
    violations.push(...ofTasks.map((wrong) => `${wrong} (${executionId.slice(0, 8)})`));
    for (const [name, find] of Object.entries(invariants)) {
      if (moments.length === 0 && name !== 'I1' && name !== 'I2' && name !== 'I4') continue;
      violations.push(...find(facts).map((wrong) => `${name} ${executionId.slice(0, 8)} ${wrong}`));
    }
    if (isOver) violations.push(...I12(database, executionId, events));
    for (const { event, data } of moments) {
      if (event.type === 'StepFailed' && data.error.code === 'HEARTBEAT_TIMEOUT')
        happenings.count('step failed in silence');
      if (event.type === 'WorkflowPaused' && data.cause) happenings.count('paused by itself');
    }
    const status = moments.at(-1)?.after.status;
    happenings.count(`ends ${status ?? 'unborn'}`);
  }
  const unexpected = [clients, tasks, holds].flatMap((each) => each.unexpected);
  violations.push(...unexpected.map((wrong) => `I10 a client got ${wrong}`), ...holds.violations(store));
  if (isOver && disks.kept > 0) violations.push(`I19 ${disks.kept} answers were left on the disks`);
  if (isOver) violations.push(...(await I14()));
  cluster.endAll();
  return { violations, counts, recoveryMs };

  /** A new instance on an empty database reads the whole history, calls no agent and appends nothing. */
  async function I14(): Promise<readonly string[]> {
    const [events, calls] = [store.length, agents.ledger.asked.length];
    cluster.endAll();
    const empty = new Database(timeline, happenings);
    const anew = new Cluster(
      1,
      timeline,
      random,
      happenings,
      { ...around, database: empty, disks: new Disks(happenings) },
      [],
    );
    anew.bootAll();
    await timeline.run(IDLE_MS);
    anew.endAll();
    const wrong = [...new Reference(empty).I12_I13(store.events)];
    if (store.length !== events) wrong.push(`I14 ${store.length - events} events were appended by reading them again`);
    if (agents.ledger.asked.length !== calls) wrong.push('I14 an agent was called by reading the events again');
    if (!isCaughtUp(empty, store.events)) wrong.push('I14 the tables were not built again');
    return wrong;
  }
};

const published = (list: readonly WorkflowDefinition[]): Definitions => {
  const all = list.map((definition) => ({ definition, hash: hashOf(definition) }));
  return {
    all: () => all,
    byDocumentType: (documentType) => all.find(({ definition }) => definition.documentType === documentType),
  };
};
