/**
 * The order of the test files. Jest goes by size where it knows no durations, and a short file may wait for processes for
 * half a minute: if it began last, the whole run would wait for it.
 */
import { statSync } from 'node:fs';

/** From 15 s on, on two cores; the longest first. The rest goes by size. */
const LONG = [
  'simulation/simulation',
  'e2e/shared-work',
  'e2e/projections',
  'e2e/stuck-shutdown',
  'e2e/instances',
  'crash-points/crash-points',
  'e2e/tasks-restart',
  'e2e/restart',
  'e2e/webhooks-restart',
  'e2e/realtime',
  'simulation/crash-points',
  'e2e/replay',
  'tools/copy-eventstore/copy',
  'tools/copy-eventstore/main',
  'infrastructure/postgres/rebuild',
  'agents/investigators-brochure/export',
  'infrastructure/eventstore/line-faults',
  'e2e/streams',
  'e2e/audit-verify',
];

const rank = ({ path }) => {
  const index = LONG.findIndex((name) => path.endsWith(`/test/${name}.spec.ts`));
  return index === -1 ? LONG.length : index;
};

/** What Jest asks of a sequencer. */
export default class LongestFirst {
  sort(tests) {
    const sized = tests.map((test) => ({ test, rank: rank(test), bytes: statSync(test.path).size }));
    return sized.sort((one, other) => one.rank - other.rank || other.bytes - one.bytes).map(({ test }) => test);
  }

  shard(tests, { shardIndex, shardCount }) {
    return this.sort(tests).filter((_, index) => index % shardCount === shardIndex - 1);
  }

  allFailedTests(tests) {
    return tests;
  }

  cacheResults() {}
}
