/** What a seed stands for: the definitions, the faults and their times, and how the agents behave. */
import type { AgentBounds } from '../../src/application/agents/agent-queue.js';
import type { StepDefinition, WorkflowDefinition } from '../../src/domain/workflow/events.js';
import type { Behaviour, Habits } from './agents.js';
import { NO_NETWORK_FAULTS, type NetworkFaults } from './event-store.js';
import type { Doom } from './machine.js';
import type { Random } from '../../src/testing/random.js';

export type Fault = Readonly<{ at: number; slot: number }> &
  (
    | Readonly<{ kind: 'kill' | 'stop' }>
    | Readonly<{ kind: 'doom'; doom: Doom }>
    | Readonly<{ kind: 'freeze'; ms: number }>
    | Readonly<{ kind: 'skew'; ms: number }>
    | Readonly<{ kind: 'log away' | 'database away' | 'appends denied' | 'reads denied'; ms: number }>
  );

export type Scenario = Readonly<{
  instances: number;
  windowMs: number;
  definitions: readonly WorkflowDefinition[];
  executions: number;
  commands: number;
  faults: readonly Fault[];
  network: NetworkFaults;
  habits: Habits;
  limits: Readonly<{ concurrentSteps: number; inlineOutputBytes: number; batch: number }>;
  skews: readonly number[];
  hasPoison: boolean;
  /** How often operators hold or release an agent. */
  holds: number;
  bounds: AgentBounds | null;
  /** The share of starts that a client repeats under the same key with another body. */
  reusedKeys: number;
  /** The share of a machine's requests and answers that are slow, see Machine. */
  slowShare: number;
}>;

const MINUTE = 60_000;

/** @param isPlain without later additions to the simulation, so that older seeds keep their scenario */
export const scenarioOf = (random: Random, isPlain = false): Scenario => {
  const plain = plainScenario(random);
  return isPlain ? plain : withBadServer(withMore(plain, random), random);
};

const plainScenario = (random: Random): Scenario => {
  const isLong = random.chance(0.02);
  const windowMs = isLong ? random.between(42, 55) * MINUTE : random.between(20, 240) * 1_000;
  const instances = random.chance(0.85) ? 2 : 1;
  const isRough = random.chance(0.7);
  const often = (most: number) => (isRough && random.chance(0.5) ? random.next() * most : 0);
  const faults = Array.from({ length: random.between(0, isRough ? 6 : 3) }, () =>
    fault(random, windowMs, instances, isLong),
  );
  // The purpose of a long schedule.
  if (isLong) {
    faults.push({ kind: 'freeze', at: random.between(0, MINUTE), slot: 0, ms: random.between(21, 40) * MINUTE });
  }
  return {
    instances,
    windowMs,
    definitions: [0, 1].map((index) => definition(`document-${index}`, random)),
    executions: random.between(1, 4),
    commands: random.between(0, 8),
    faults,
    network: isRough
      ? {
          ...NO_NETWORK_FAULTS,
          appendLost: often(0.15),
          appendUnanswered: often(0.25),
          appendLate: often(0.15),
          redelivery: often(0.3),
          disconnect: often(0.1),
        }
      : NO_NETWORK_FAULTS,
    habits: habits(random),
    limits: {
      concurrentSteps: random.pick([1, 2, 8, 8]),
      inlineOutputBytes: random.pick([100, 65_536]),
      batch: random.pick([1, 3, 200]),
    },
    skews: [0, 1].map(() => (random.chance(0.3) ? random.between(-60_000, 60_000) : 0)),
    hasPoison: random.chance(0.05),
    holds: 0,
    bounds: null,
    reusedKeys: 0,
    slowShare: 0,
  };
};

/** Later additions are drawn here, after everything else. */
const withMore = (plain: Scenario, random: Random): Scenario => {
  const more = (each: StepDefinition): StepDefinition => ({
    ...each,
    ...(random.chance(0.6) && { heartbeatTimeoutMs: random.between(2, 20) * 1_000 }),
    ...(random.chance(0.25) && { onExhausted: 'pause' as const }),
  });
  const { weights } = plain.habits;
  return {
    ...plain,
    definitions: plain.definitions.map((each) => ({ ...each, steps: each.steps.map(more) })),
    habits: { ...plain.habits, weights: { ...weights, deferred: random.chance(0.5) ? 2 * random.next() : 0 } },
    holds: random.chance(0.4) ? random.between(1, 4) : 0,
    bounds: random.chance(0.4) ? bounds(random) : null,
    reusedKeys: random.chance(0.3) ? 0.3 : 0,
    slowShare: random.chance(0.3) ? random.pick([0.01, 0.1]) : 0,
  };
};

/** What the log's server itself does wrong, drawn after all of that. */
const withBadServer = (scenario: Scenario, random: Random): Scenario => {
  if (!random.chance(0.4)) return scenario;
  const often = (most: number) => (random.chance(0.5) ? random.next() * most : 0);
  const denial = (): Fault => ({
    ...{ kind: random.pick(['appends denied', 'reads denied']), slot: 0 },
    ...{ at: random.between(0, scenario.windowMs), ms: random.between(500, MINUTE) },
  });
  return {
    ...scenario,
    faults: [...scenario.faults, ...Array.from({ length: random.between(0, 2) }, denial)],
    network: {
      ...scenario.network,
      ...{ appendRefused: often(0.3), appendTimedOut: often(0.6), appendTwice: often(0.2) },
      ...{ appendOfLostTail: often(0.15), readRefused: often(0.15) },
    },
  };
};

const bounds = (random: Random): AgentBounds => ({
  concurrentCalls: random.pick([1, 2, Infinity]),
  rate: random.pick([
    { calls: 0, windowMs: 1 },
    { calls: 1, windowMs: 2_000 },
    { calls: 3, windowMs: 20_000 },
  ]),
  circuit: {
    consecutiveFailures: random.pick([0, 1, 2]),
    failurePercent: random.pick([0, 50]),
    minimumCalls: 2,
    windowMs: 60_000,
    coolDownMs: random.pick([5_000, 30_000, 120_000]),
  },
});

/** The longest Retry-After that an agent asks for. */
const MOST_RETRY_AFTER_MS = 90_000;

/** How long the bounds of agents may delay the remaining steps after the last fault. */
export const longestWait = ({ bounds, executions }: Scenario): number => {
  if (!bounds) return 0;
  const { circuit, rate } = bounds;
  const attempts = executions * 3 * 4;
  return Math.max(circuit.coolDownMs, MOST_RETRY_AFTER_MS) + (rate.calls === 0 ? 0 : attempts * rate.windowMs);
};

const definition = (documentType: string, random: Random): WorkflowDefinition => ({
  name: documentType,
  documentType,
  steps: ['one', 'two', 'three'].slice(0, random.between(1, 3)).map((name) => step(name, random)),
});

const step = (name: string, random: Random): StepDefinition => ({
  name,
  agent: name,
  required: random.chance(0.7),
  timeoutMs: random.between(10, 60) * 1_000,
  retry: {
    // 1: retry_on_failure is false.
    maximumAttempts: random.between(1, 4),
    initialIntervalMs: 1_000,
    backoffCoefficient: 2,
    maximumIntervalMs: 60_000,
  },
  runningState: `${name}_running`,
  completedState: `${name}_completed`,
  weight: random.between(1, 5),
});

const KINDS = { kill: 3, doom: 6, stop: 1, freeze: 2, skew: 1, 'log away': 1, 'database away': 1 };

const fault = (random: Random, windowMs: number, instances: number, isLong: boolean): Fault => {
  const at = random.between(0, windowMs);
  const slot = random.between(0, instances - 1);
  const kind = random.weighted(KINDS);
  const away = random.chance(0.2) ? 10 * MINUTE : MINUTE;
  switch (kind) {
    case 'kill':
    case 'stop':
      return { kind, at, slot };
    case 'doom':
      return { kind, at, slot, doom: { request: random.between(1, 30), moment: random.pick(['before', 'after']) } };
    case 'freeze': {
      const longest = Math.max(1_000, Math.min(windowMs - at, isLong ? 40 * MINUTE : 90_000));
      return { kind, at, slot, ms: random.between(1_000, longest) };
    }
    case 'skew':
      return { kind, at, slot, ms: random.between(-60_000, 60_000) };
    case 'log away':
    case 'database away':
      return { kind, at, slot, ms: random.between(500, away) };
  }
};

const habits = (random: Random): Habits => {
  const share = (most: number) => (random.chance(0.4) ? random.next() * most : 0);
  const weights: Record<Behaviour, number> = {
    ok: 1,
    large: 0.1,
    hang: share(0.3),
    'hang after the effect': share(0.3),
    'reply lost': share(0.5),
    transient: share(1.5),
    'rate limited': share(0.5),
    garbage: share(0.4),
    validation: share(0.2),
    fatal: share(0.2),
    deferred: 0,
  };
  return { weights, slowestMs: random.pick([200, 5_000, 20_000]) };
};
