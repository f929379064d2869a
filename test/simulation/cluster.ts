/** The instances of one world, their deaths and their restarts. */
import { onFailpoint, type Failpoint } from '../../src/application/runtime/failpoint.js';
import { makeInstance, type Instance, type Surroundings } from './instance.js';
import { Machine, type Happenings } from './machine.js';
import type { Random } from '../../src/testing/random.js';
import type { Timeline } from './timeline.js';

/** A machine dies when this failpoint is passed for the n-th time, by any machine. */
export type Crash = { name: Failpoint; left: number };

export class Cluster {
  readonly instances: (Instance | null)[];
  crash: Crash | null = null;
  /** The share of slow answers of machines that start from now on. */
  slowShare = 0;
  /** Called at each death, when the machine's connections have closed. */
  onKill: () => void = () => undefined;
  /** How many machines each slot has had. */
  private readonly generations: number[];
  private current: Machine | null = null;
  private readonly skews: number[];
  private isEnded = false;

  constructor(
    size: number,
    readonly timeline: Timeline,
    private readonly random: Random,
    readonly happenings: Happenings,
    readonly around: Surroundings,
    skews: readonly number[],
  ) {
    this.skews = [...skews];
    this.instances = Array.from({ length: size }, () => null);
    this.generations = Array.from({ length: size }, () => 0);
    onFailpoint((name) => this.passes(name));
  }

  boot(slot: number): void {
    if (this.isEnded || this.instances[slot]) return;
    const name = `i${slot}.${(this.generations[slot]! += 1)}`;
    const machine = new Machine(name, this.timeline, this.random, this.happenings, (it) => (this.current = it));
    machine.skewMs = this.skews[slot] ?? 0;
    machine.slowShare = this.slowShare;
    const instance = makeInstance(machine, this.around);
    this.instances[slot] = instance;
    this.happenings.tell(() => `${name} starts, its clock off by ${machine.skewMs} ms`);
    machine.onDeath(() => {
      if (this.instances[slot] !== instance) return;
      this.instances[slot] = null;
      if (this.isEnded) return;
      this.onKill();
      this.timeline.after(this.random.between(500, 30_000), () => this.boot(slot));
    });
    machine.tell(() => void instance.begin().catch((error: unknown) => machine.die(`at its start: ${String(error)}`)));
  }

  bootAll(): void {
    this.instances.forEach((_, slot) => this.boot(slot));
  }

  /** Stops the instance as SIGTERM does. */
  shutDown(slot: number): void {
    const instance = this.instances[slot];
    if (!instance) return;
    const { machine } = instance;
    this.happenings.tell(() => `${machine.name} is asked to stop`);
    const dies = () => machine.die('as it was asked to stop');
    machine.tell(() => void instance.stop().then(dies, dies));
    this.timeline.after(30_000, dies);
  }

  /** An instance that listens, or null; a machine that was asked to stop listens until it is gone. */
  anyInstance(random: Random): Instance | null {
    return random.pick(this.instances);
  }

  /** Ends all faults: restarts dead machines, sets all clocks right and brings the stores back. */
  heal(): void {
    this.around.store.heal();
    this.around.database.comeBack();
    for (const instance of this.instances) {
      if (!instance) continue;
      instance.machine.doom = null;
      instance.machine.skewMs = 0;
      instance.machine.slowShare = 0;
    }
    this.skews.splice(0);
    this.slowShare = 0;
    this.bootAll();
  }

  endAll(): void {
    this.isEnded = true;
    for (const instance of this.instances) instance?.machine.die('at the end');
    this.around.database.end();
  }

  private passes(name: Failpoint): void {
    this.happenings.count(`at ${name}`);
    const { crash, current } = this;
    if (crash?.name !== name || !current?.isAlive || --crash.left > 0) return;
    this.crash = null;
    this.happenings.count(`crash at ${name}`);
    current.die(`at ${name}`);
  }
}
