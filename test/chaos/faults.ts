/** Random faults of the servers. Each fault ends by itself; `rage` waits for all of them. */
import { setTimeout as delay } from 'node:timers/promises';
import type { FaultProxy } from '../support/fault-proxy.js';
import { MODE_NAMES, type Mode } from '../support/faulty-server/modes.js';
import type { FaultyServer } from '../support/faulty-server/server.js';
import type { Victim } from './processes.js';
import type { Random } from './random.js';

export type Targets = Readonly<{
  instances: readonly Victim[];
  /** Present if the event node is a process of its own: the line to it, and what it answers, go wrong too. */
  node: Readonly<{ victim: Victim; proxy: FaultProxy; faulty: FaultyServer }> | undefined;
  /** Ends the server at once, as `pg_ctl restart -m immediate` does; the instances start it again. */
  restartPostgres: () => Promise<void>;
  /** Ends the connection on which the event node writes. */
  cutWriter: () => Promise<void>;
}>;

const WEIGHTS = {
  ...{ 'kill -9 an instance': 6, 'end an instance by SIGTERM': 2, 'kill -9 both instances': 1 },
  ...{ 'stop an instance for a moment': 3, 'stop an instance for longer than the silence limit': 1.5 },
  ...{ 'restart Postgres at once': 4, "cut the node's connection to Postgres": 2 },
};
const NODE_WEIGHTS = {
  ...{ 'kill -9 the event node': 5, 'stop the event node for a moment': 2, 'drop connections to the event node': 2 },
  ...{ 'half-open connections to the event node': 1, 'slow connections to the event node': 1 },
  ...{ 'cut an append in the middle': 3, 'refuse connections to the event node': 1 },
};

type ModeFault = `an event store: ${Mode}`;
const MODE_WEIGHT = 0.7;
const modeFaults = new Map(MODE_NAMES.map((mode): [ModeFault, Mode] => [`an event store: ${mode}`, mode]));
const MODE_WEIGHTS = Object.fromEntries([...modeFaults.keys()].map((name) => [name, MODE_WEIGHT])) as Record<
  ModeFault,
  number
>;

type ServerFault = keyof typeof WEIGHTS | keyof typeof NODE_WEIGHTS;
export type FaultName = ServerFault | ModeFault;

const isModeFault = (name: FaultName): name is ModeFault => modeFaults.has(name as ModeFault);

export class Faults {
  readonly fired = new Map<FaultName, number>();
  readonly errors: string[] = [];
  private readonly under = new Set<Promise<void>>();

  constructor(
    private readonly targets: Targets,
    private readonly random: Random,
    private readonly say: (line: string) => void,
  ) {}

  /** Injects faults until `signal`; resolves when the last fault has passed. */
  async rage(signal: AbortSignal): Promise<void> {
    const weights: Partial<Record<FaultName, number>> = this.targets.node
      ? { ...WEIGHTS, ...NODE_WEIGHTS, ...MODE_WEIGHTS }
      : WEIGHTS;
    // The faults that every trial needs come first; the rest is left to chance.
    const certain: ServerFault[] = ['kill -9 an instance', 'restart Postgres at once'];
    if (this.targets.node) certain.push('kill -9 the event node', 'cut an append in the middle');
    while (!signal.aborted) {
      const name: FaultName = certain.shift() ?? this.random.weighted(weights as Record<FaultName, number>);
      const work = this.fire(name).catch((error: unknown) => void this.errors.push(`${name}: ${String(error)}`));
      this.under.add(work);
      void work.finally(() => this.under.delete(work));
      await delay(this.random.between(1_500, 5_000), undefined, { signal }).catch(() => undefined);
    }
    await Promise.all(this.under);
  }

  private async fire(name: FaultName): Promise<void> {
    const { random, targets } = this;
    const instance = random.pick(targets.instances);
    const needsInstance = / instance(s?)/.test(name);
    if (needsInstance && instance.isBusy) return;
    if (/ the event node$| the event node for/.test(name) && targets.node?.victim.isBusy) return;
    if (isModeFault(name) && targets.node?.faulty.isFaulty) return;
    this.fired.set(name, (this.fired.get(name) ?? 0) + 1);
    this.say(`${name}${needsInstance && !name.includes('both') ? ` (${instance.name})` : ''}`);
    return isModeFault(name) ? this.misbehave(modeFaults.get(name)!) : this.strike(name, instance);
  }

  private async strike(name: ServerFault, instance: Victim): Promise<void> {
    const { random, targets } = this;
    const { node } = targets;
    switch (name) {
      case 'kill -9 an instance':
        return instance.killAndRestart('SIGKILL', random.pick([200, 2_000, 20_000]));
      case 'end an instance by SIGTERM':
        return instance.killAndRestart('SIGTERM', random.between(100, 3_000));
      case 'kill -9 both instances':
        await Promise.all(targets.instances.map((each) => each.killAndRestart('SIGKILL', random.between(100, 3_000))));
        return;
      case 'stop an instance for a moment':
        return instance.freeze(random.between(500, 6_000));
      case 'stop an instance for longer than the silence limit':
        return instance.freeze(random.between(17_000, 25_000));
      case 'restart Postgres at once':
        return targets.restartPostgres();
      case "cut the node's connection to Postgres":
        return targets.cutWriter();
      case 'kill -9 the event node':
        return node?.victim.killAndRestart('SIGKILL', random.between(100, 3_000));
      case 'stop the event node for a moment':
        return node?.victim.freeze(random.between(500, 5_000));
      case 'drop connections to the event node':
        return node?.proxy.drop();
      case 'cut an append in the middle':
        return node?.proxy.cutNext('workflow-');
      case 'half-open connections to the event node':
        return this.forAWhile(() => node?.proxy.halfOpen());
      case 'slow connections to the event node':
        return this.forAWhile(() => node?.proxy.slow(random.between(50, 500)));
      case 'refuse connections to the event node':
        return this.forAWhile(() => node?.proxy.refuse());
    }
  }

  private async misbehave(mode: Mode): Promise<void> {
    const faulty = this.targets.node?.faulty;
    faulty?.be(mode);
    await delay(this.random.between(1_000, 7_000));
    faulty?.be(null);
  }

  private async forAWhile(begin: () => void): Promise<void> {
    begin();
    await delay(this.random.between(1_000, 7_000));
    this.targets.node?.proxy.release();
  }
}
