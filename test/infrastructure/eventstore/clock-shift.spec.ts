/** The clock of the event store's machine and the clock of this one differ: appends, reads and subscriptions take no notice. */
import { randomUUID } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { EventStoreDbEventLog } from '../../../src/infrastructure/eventstore/eventstore-db.event-log.js';
import { bundled, startChild } from '../../support/child.js';
import { eventually } from '../../support/eventually.js';
import { createTestDatabase } from '../../support/postgres.js';
import { shiftedClock } from '../../support/shifted-clock.js';
import { listen } from './event-log.contract.js';

const program = bundled(new URL('../../../dist/infrastructure/embedded-eventstore/main.js', import.meta.url));

test.each([-60_000, 6_000])('by %p ms', async (ms) => {
  const [database, dataDir] = [await createTestDatabase(), await mkdtemp(join(tmpdir(), 'workflow-executor-shift-'))];
  const environment = { DATABASE_URL: database.url, DATA_DIR: dataDir, PORT: '0', ...shiftedClock(ms) };
  const child = startChild(program, [], environment);
  try {
    const [, file = ''] = await child.printed(/EVENTSTORE_URL="\$\(cat '([^']+)'\)"/);
    const log = new EventStoreDbEventLog({ url: (await readFile(file, 'utf8')).trim(), appendTimeoutMs: 5_000 });
    const heard = listen(log, 'shift-', 'start');
    const event = { id: randomUUID(), type: 'Happened', data: {}, metadata: {} };
    expect(await log.append('shift-1', [event], 'none')).toMatchObject({ revision: 0n });
    await eventually(() => heard.events().length === 1);
    const [found] = (await log.read('shift-1')).events;
    // The clock really is another one.
    const differs = found!.recordedAt.getTime() - Date.now();
    expect(Math.abs(differs - ms)).toBeLessThan(3_000);
    await heard.stop();
    await log.close();
  } finally {
    await child.kill('SIGTERM');
    await database.drop();
    await rm(dataDir, { recursive: true, force: true });
  }
});
