/**
 * `npm run faulty [-- --mode NAME]`: every mode of the faulty server times every order of the application, as a table. A cell
 * is wrong where an answer says what is not so, a step is lost or done twice, something does not go on, or the process ends.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { startEmbeddedPostgres } from '../../src/infrastructure/embedded-postgres/embedded-postgres.js';
import { MODE_NAMES, MODES, type Mode } from '../support/faulty-server/modes.js';
import { TEST_POSTGRES_SUPERUSER_URL, TEST_POSTGRES_URL } from '../support/postgres.js';
import { COLUMNS, tryMode, type Cells } from './cells.js';
import { unexpected } from './known.js';
import { openWorld } from './world.js';

const { values } = parseArgs({ options: { mode: { type: 'string', multiple: true } } });
const modes = values.mode ?? MODE_NAMES;
const isMode = (name: string): name is Mode => name in MODES;

const dataDir = await mkdtemp(path.join(tmpdir(), 'workflow-executor-faulty-'));
const postgres = await startEmbeddedPostgres({ dataDir, settings: { fsync: 'off', max_connections: '200' } });
process.env[TEST_POSTGRES_URL] = postgres.url;
process.env[TEST_POSTGRES_SUPERUSER_URL] = postgres.superuserUrl;

const widest = Math.max(...MODE_NAMES.map((name) => name.length));
const row = (name: string, cells: readonly string[]) =>
  console.log(`${name.padEnd(widest)}  ${cells.map((cell, index) => cell.padEnd(COLUMNS[index]!.length)).join('  ')}`);
const mark = (problem: string | null | undefined, isKnown: boolean) =>
  problem === undefined ? '' : problem === null ? 'ok' : isKnown ? 'known' : 'WRONG';

const problems: string[] = [];
row('', COLUMNS);
try {
  for (const mode of modes) {
    if (!isMode(mode)) throw new Error(`--mode: expected one of ${MODE_NAMES.join(', ')}; got ${mode}`);
    const world = await openWorld();
    try {
      const cells: Cells = await tryMode(world, mode);
      const found = unexpected(mode, cells);
      problems.push(...found.map((problem) => `${mode}: ${problem}`));
      row(
        mode,
        COLUMNS.map((column) => mark(cells.get(column), !found.some((problem) => problem.startsWith(`${column}: `)))),
      );
    } finally {
      await world.close();
    }
  }
  for (const problem of problems) console.log(`\n${problem}`);
} finally {
  await postgres.stop();
  await rm(dataDir, { recursive: true, force: true });
}
process.exit(problems.length > 0 ? 1 : 0);
