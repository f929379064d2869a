/** A crash at every failpoint, at its first, second and third passing, with one instance and with two: all invariants hold. */
import type { Failpoint } from '../../src/application/runtime/failpoint.js';
import { HEALTHY } from './agents.js';
import { NO_NETWORK_FAULTS } from './event-store.js';
import { runSchedule } from './run.js';
import type { Scenario } from './scenario.js';

export const OCCURRENCES = [1, 2, 3] as const;

/** No other faults but agents that fail now and then, so that there are timers, and three stops spread over the time. */
const quiet =
  (instances: number) =>
  (scenario: Scenario): Scenario => ({
    ...scenario,
    instances,
    windowMs: 90_000,
    executions: 4,
    commands: 3,
    faults: [25_000, 50_000, 75_000].map((at) => ({ kind: 'stop', at, slot: 0 })),
    network: NO_NETWORK_FAULTS,
    habits: { weights: { ...HEALTHY.weights, transient: 3 }, slowestMs: 2_000 },
    skews: [],
    hasPoison: false,
  });

export type CrashTrial = Readonly<{ name: Failpoint; occurrence: number; instances: number }>;

/** @returns the violations and the number of crashes over these schedules */
export const tryCrash = async ({ name, occurrence, instances }: CrashTrial, seeds: readonly number[]) => {
  const violations: string[] = [];
  let crashes = 0;
  for (const seed of seeds) {
    const crash = { name, left: occurrence };
    const result = await runSchedule({ seed, crash, scenario: quiet(instances) });
    violations.push(...result.violations.map((violation) => `seed ${seed}: ${violation}`));
    crashes += result.counts.get(`crash at ${name}`) ?? 0;
  }
  return { violations, crashes };
};
