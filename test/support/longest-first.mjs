/**
 * The order of the test files. Jest goes by size where it knows no durations, and a short file may wait for processes for
 * half a minute: if it began last, the whole run would wait for it.
 */
import { statSync } from 'node:fs';

/** From 10 s on, on two cores, four at once; the longest first. The rest goes by size. */
const LONG = [
  'simulation/simulation',
  'e2e/shared-work',
  'e2e/projections',
  'e2e/realtime',
  'crash-points/crash-points',
  'infrastructure/embedded-eventstore/contract/recorded/recorded',
  'e2e/tasks-restart',
  'e2e/restart',
  'e2e/stuck-shutdown',
  'e2e/audit-verify',
  'e2e/instances',
  'e2e/audit-pack',
  'e2e/tombstone',
  'e2e/replay',
  'e2e/webhooks-restart',
  'e2e/streams-restart',
  'tools/copy-eventstore/main',
  'infrastructure/postgres/rebuild',
  'tools/copy-eventstore/copy',
  'infrastructure/audit/move',
  'infrastructure/audit/keeper',
  'e2e/another-log',
  'infrastructure/postgres/projection-cuts',
  'e2e/hold-agent',
  'e2e/move-log',
  'infrastructure/embedded-postgres/embedded-postgres',
  'e2e/webhooks',
  'infrastructure/embedded-eventstore/shared-node',
  'e2e/streams',
  'e2e/quickstart',
  'tools/copy-eventstore/verification',
  'infrastructure/system/heap',
  'e2e/http-control',
  'e2e/npm-start',
  'e2e/event-store-faults',
  'e2e/tasks',
  'agents/investigators-brochure/export',
  'agents/investigators-brochure/scripts-and-margins',
  'simulation/crash-points',
  'e2e/readiness',
  'infrastructure/postgres/pooler',
  'infrastructure/embedded-eventstore/durability',
  'e2e/errors',
  'infrastructure/audit/trust',
  'interfaces/realtime/protocol',
  'repository/build-if-stale',
  'e2e/worst-input',
  'faulty/faulty',
  'e2e/agent-bounds',
  'e2e/supabase',
  'infrastructure/eventstore/line-faults',
  'e2e/postgres-restart',
  'infrastructure/embedded-eventstore/main',
  'e2e/custom-agent',
  'e2e/watch',
  'infrastructure/audit/report',
  'application/saga/kept-answers',
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
