/**
 * `npm run crash-points [-- --point NAME[:NTH]] [--stalls]`: an instance is killed at every failpoint, alone and beside
 * another; at some it stands still while another takes its place, and then goes on. `--stalls`: stalls at all of these, and
 * no kills.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { auditFailpoints, sagaFailpoints, webhookFailpoints } from '../../src/application/runtime/failpoint.js';
import { startEmbeddedPostgres } from '../../src/infrastructure/embedded-postgres/embedded-postgres.js';
import { commandLine } from '../support/command-line.js';
import { TEST_POSTGRES_URL, TEST_POSTGRES_SUPERUSER_URL } from '../support/postgres.js';
import { tryStall, type Stall } from './stall.js';
import { tryCrashPoint, type CrashPoint } from './trial.js';

/** Trials wait more than they work, most of all for an instance to notice a stall. */
const [AT_ONCE, STALLS_AT_ONCE] = [3, 5];
/** The workflow starts in the tables' first batch, and moves on in the second. */
const NTH: Readonly<Record<string, number>> = {
  ...{ 'inside-a-batch': 2, 'before-commit': 2, 'after-commit': 2 },
  // The first is the webhook itself.
  'webhooks-before-commit': 2,
};
/** Failpoints during an effect that no database lock fences, and during one that a lock should fence: all with `--stalls`. */
const STALLS = [
  ...auditFailpoints,
  ...webhookFailpoints,
  ...(['inside-a-batch', 'before-commit', 'command-accepted', 'before-step-started'] as const),
  ...(['after-step-started', 'request-written', 'reply-received'] as const),
];
/** Each takes half a minute, and waits for most of it. */
const USUAL: readonly Stall['name'][] = [
  ...(['checkpoint-kept', 'checkpoint-line-placed', 'webhook-answered', 'before-commit', 'reply-received'] as const),
];

const USAGE = `Usage: npm run crash-points [-- --point NAME[:NTH]] [--stalls]
An instance is killed at every failpoint, and stands still at some; with --stalls it stands still at all of these, and is not killed.
Failpoints: ${[...new Set([...sagaFailpoints, ...STALLS])].join(', ')}`;
const { values } = commandLine(USAGE, { options: { point: { type: 'string' }, stalls: { type: 'boolean' } } });
const [only, nth] = values.point?.split(':') ?? [];
const nthOf = (name: string) => Number(nth ?? NTH[name] ?? 1);
const isMeant = (name: string) => !only || name === only;
const points = (values.stalls ? [] : sagaFailpoints)
  .filter(isMeant)
  .flatMap((name) => ([1, 2] as const).map((instances): CrashPoint => ({ name, nth: nthOf(name), instances })));
const stalls = (values.stalls || only ? STALLS : USUAL)
  .filter(isMeant)
  .map((name): Stall => ({ name, nth: nthOf(name) }));
if (points.length + stalls.length === 0)
  throw new Error(`--point: expected one of ${[...sagaFailpoints, ...STALLS].join(', ')}; got ${only}`);

const dataDir = await mkdtemp(path.join(tmpdir(), 'workflow-executor-crash-points-'));
const postgres = await startEmbeddedPostgres({ dataDir, settings: { fsync: 'off', max_connections: '200' } });
process.env[TEST_POSTGRES_URL] = postgres.url;
process.env[TEST_POSTGRES_SUPERUSER_URL] = postgres.superuserUrl;
let violated = 0;

const runTrial = async (
  name: string,
  attempt: () => Promise<Readonly<{ violations: readonly string[]; after: string }>>,
) => {
  try {
    const { violations, after } = await attempt();
    violated += violations.length;
    console.log(`${name}  ${violations.length === 0 ? `holds, ${after}` : 'VIOLATED'}`);
    for (const violation of violations) console.log(`  ${violation}`);
  } catch (error) {
    violated += 1;
    console.log(`${name}  FAILED: ${String(error)}`);
  }
};
const titled = ({ name, nth }: Stall, how: string) => `${`${name}:${nth}`.padEnd(26)} ${how}`;

const die = (point: CrashPoint) =>
  runTrial(titled(point, `${point.instances} instance${point.instances > 1 ? 's' : ' '}`), async () => {
    const { violations, recoveryMs } = await tryCrashPoint(point);
    return { violations, after: `over after ${Math.round(recoveryMs)} ms` };
  });
const standStill = (stall: Stall) =>
  runTrial(titled(stall, 'stands still'), async () => ({
    violations: await tryStall(stall),
    after: 'what came late is nothing',
  }));

const inParallel = async <Item>(all: readonly Item[], atOnce: number, attempt: (item: Item) => Promise<void>) => {
  const waiting = all.values();
  const work = async () => {
    for (const next of waiting) await attempt(next);
  };
  await Promise.all(Array.from({ length: atOnce }, work));
};

const began = performance.now();
const seconds = () => ((performance.now() - began) / 1_000).toFixed(0);
try {
  await inParallel(points, AT_ONCE, die);
  console.log(`${points.length} crash points in ${seconds()} s`);
  await inParallel(stalls, STALLS_AT_ONCE, standStill);
} finally {
  await postgres.stop();
  await rm(dataDir, { recursive: true, force: true });
}
console.log(`${points.length} crash points and ${stalls.length} stalls in ${seconds()} s, ${violated} violations`);
process.exit(violated > 0 ? 1 : 0);
