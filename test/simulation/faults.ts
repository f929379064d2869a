/** What goes wrong in a schedule, as it happens. */
import { workflowStream } from '../../src/domain/workflow/index.js';
import { AGENT_NAMES } from './agents.js';
import type { Cluster } from './cluster.js';
import type { EventStore } from './event-store.js';
import type { Machine } from './machine.js';
import type { Random } from '../../src/testing/random.js';
import type { Fault } from './scenario.js';

const MINUTE = 60_000;
const CIRCUITS_EVERY_MS = 5_000;

export const inject = (fault: Fault, cluster: Cluster): void => {
  const { timeline, happenings, around } = cluster;
  const machine = cluster.instances[fault.slot]?.machine;
  happenings.tell(() => `fault: ${JSON.stringify({ ...fault, machine: machine?.name })}`);
  const counted = () => happenings.count(`fault ${fault.kind}`);
  if ('ms' in fault && fault.kind.endsWith('away') && fault.ms > 5 * MINUTE)
    happenings.count(`fault ${fault.kind} for over 5 min`);
  if (fault.kind === 'log away') {
    counted();
    around.store.goAway();
    timeline.after(fault.ms, () => around.store.comeBack());
  } else if (fault.kind === 'database away') {
    counted();
    around.database.goAway();
    timeline.after(fault.ms, () => around.database.comeBack());
  } else if (fault.kind === 'appends denied' || fault.kind === 'reads denied') {
    counted();
    const what = fault.kind === 'appends denied' ? 'appends' : 'reads';
    around.store.deny(what);
    timeline.after(fault.ms, () => around.store.permit(what));
  } else if (machine) strike(fault as MachineFault, machine, cluster);
};

type MachineFault = Exclude<Fault, { kind: 'log away' | 'database away' | 'appends denied' | 'reads denied' }>;

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
      if (fault.ms > 20 * MINUTE) happenings.count('fault freeze of over 20 min');
      machine.frozenUntil = Math.max(machine.frozenUntil, timeline.now + fault.ms);
      return;
    case 'skew':
      machine.skewMs = fault.ms;
      return;
  }
};

/** Counts, for the tally, the open circuits that the instances show. */
export const watchCircuits = (cluster: Cluster): void => {
  const { timeline, happenings } = cluster;
  for (const instance of cluster.instances) {
    const open = AGENT_NAMES.filter((name) => instance?.saga.agent(name).circuit.state === 'open');
    for (const _agent of open) happenings.count('circuit seen open');
  }
  timeline.after(CIRCUITS_EVERY_MS, () => watchCircuits(cluster));
};

/** Appends an event that no version of this application writes, in a stream of its own. */
export const poison = (store: EventStore, random: Random): void => {
  if (store.isAway) return;
  store.happenings.count('fault poison');
  const event = { id: random.uuid(), type: 'StepCompleted', data: 'not an object', metadata: {} };
  store.append(workflowStream(random.uuid()), [event], 'none');
};
