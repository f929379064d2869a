/** `npm run crash-points [-- --point NAME[:NTH]]`: an instance is killed at every failpoint, alone and beside another. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { sagaFailpoints } from '../../src/application/failpoint.js';
import { startEmbeddedPostgres } from '../../src/infrastructure/postgres/embedded-postgres.js';
import { TEST_POSTGRES_URL, TEST_POSTGRES_SUPERUSER_URL } from '../support/postgres.js';
import { tryCrashPoint, type CrashPoint } from './trial.js';

/** Trials wait more than they work. */
const AT_ONCE = 3;
/** The second batch of the tables is the one in which the workflow moves on, and is not born. */
const NTH: Readonly<Record<string, number>> = { 'inside-a-batch': 2, 'before-commit': 2, 'after-commit': 2 };

const { values } = parseArgs({ options: { point: { type: 'string' } } });
const [only, nth] = values.point?.split(':') ?? [];
const chosen = sagaFailpoints.filter((name) => !only || name === only);
if (chosen.length === 0) throw new Error(`--point: expected one of ${sagaFailpoints.join(', ')}; got ${only}`);
const points = chosen.flatMap((name) =>
  ([1, 2] as const).map((instances): CrashPoint => ({ name, nth: Number(nth ?? NTH[name] ?? 1), instances })),
);

const dataDir = await mkdtemp(path.join(tmpdir(), 'workflow-executor-crash-points-'));
const postgres = await startEmbeddedPostgres({ dataDir, settings: { fsync: 'off', max_connections: '200' } });
process.env[TEST_POSTGRES_URL] = postgres.url;
process.env[TEST_POSTGRES_SUPERUSER_URL] = postgres.superuserUrl;
let violated = 0;

const tryOne = async (point: CrashPoint): Promise<void> => {
  const name = `${`${point.name}:${point.nth}`.padEnd(24)} ${point.instances} instance${point.instances > 1 ? 's' : ' '}`;
  try {
    const { violations, recoveryMs } = await tryCrashPoint(point);
    violated += violations.length;
    console.log(`${name}  ${violations.length === 0 ? `holds, over after ${Math.round(recoveryMs)} ms` : 'VIOLATED'}`);
    for (const violation of violations) console.log(`  ${violation}`);
  } catch (error) {
    violated += 1;
    console.log(`${name}  FAILED: ${String(error)}`);
  }
};

const began = performance.now();
try {
  const waiting = points.values();
  const work = async () => {
    for (const point of waiting) await tryOne(point);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
} finally {
  await postgres.stop();
  await rm(dataDir, { recursive: true, force: true });
}
const seconds = ((performance.now() - began) / 1_000).toFixed(0);
console.log(`${points.length} crash points in ${seconds} s, ${violated} violations`);
process.exit(violated > 0 ? 1 : 0);
