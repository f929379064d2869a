/**
 * `npm run faulty [-- --mode NAME]`: every mode of the faulty server times every order of the application, as a table. A cell
 * is wrong where an answer says what is not so, a step is lost or done twice, something does not go on, or the process ends.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { startEmbeddedPostgres } from '../../src/infrastructure/embedded-postgres/embedded-postgres.js';
import { commandLine } from '../support/command-line.js';
import { MODE_NAMES } from '../support/faulty-server/modes.js';
import { TEST_POSTGRES_SUPERUSER_URL, TEST_POSTGRES_URL } from '../support/postgres.js';
import { COLUMNS, tryMode, type Cells } from './cells.js';
import { unexpected, type Row } from './known.js';
import { LOST_TAIL, tryLostTail } from './lost-tail.js';
import { openWorld, type World } from './world.js';

const ROWS: readonly Row[] = [...MODE_NAMES, LOST_TAIL];
const USAGE = `Usage: npm run faulty [-- --mode NAME ...]
Every mode of a faulty event store times every order of the application, as a table. Modes: ${ROWS.join(', ')}`;
const { values } = commandLine(USAGE, { options: { mode: { type: 'string', multiple: true } } });
const rows = (values.mode ?? ROWS).map((name) => {
  const found = ROWS.find((each) => each === name);
  if (!found) throw new Error(`--mode: expected one of ${ROWS.join(', ')}; got ${name}`);
  return found;
});
const tryRow = (world: World, row: Row): Promise<Cells> =>
  row === LOST_TAIL ? tryLostTail(world) : tryMode(world, row);

const dataDir = await mkdtemp(path.join(tmpdir(), 'workflow-executor-faulty-'));
const postgres = await startEmbeddedPostgres({ dataDir, settings: { fsync: 'off', max_connections: '200' } });
process.env[TEST_POSTGRES_URL] = postgres.url;
process.env[TEST_POSTGRES_SUPERUSER_URL] = postgres.superuserUrl;

const widest = Math.max(...ROWS.map((name) => name.length));
const print = (name: string, cells: readonly string[]) =>
  console.log(`${name.padEnd(widest)}  ${cells.map((cell, index) => cell.padEnd(COLUMNS[index]!.length)).join('  ')}`);

const problems: string[] = [];
print('', COLUMNS);
try {
  for (const row of rows) {
    const world = await openWorld();
    try {
      const cells = await tryRow(world, row);
      const found = unexpected(row, cells);
      problems.push(...found.map((problem) => `${row}: ${problem}`));
      const marks = COLUMNS.map((column) => {
        if (found.some((problem) => problem.startsWith(`${column}: `))) return 'WRONG';
        return cells.get(column) ? 'known' : cells.has(column) ? 'ok' : '';
      });
      print(row, marks);
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
