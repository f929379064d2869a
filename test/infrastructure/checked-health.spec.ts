import type { RunnerStatus } from '../../src/application/projections/runner.js';
import { CheckedHealth } from '../../src/infrastructure/checked-health.js';
import { SystemClock } from '../../src/infrastructure/system/system-clock.js';
import { InMemoryEventLog } from '../support/in-memory.event-log.js';
import { openTables, type TestTables } from './postgres/read-tables.js';

const LEADS: RunnerStatus = { leading: true, caughtUp: true, position: 1n, lastEventAt: null, poisoned: 0 };

let tables: TestTables;
beforeAll(async () => (tables = await openTables()));
afterAll(() => tables.close());

const checked = (status: Partial<RunnerStatus>, stopping = new AbortController().signal) =>
  new CheckedHealth(
    tables.dataSource,
    new InMemoryEventLog(),
    new SystemClock(),
    () => ({ ...LEADS, ...status }),
    stopping,
  ).check();

test('all is well', async () => {
  expect(await checked({})).toMatchObject({ ready: true, checks: { projections: { ok: true, detail: 'up to date' } } });
});

test('executions that are held back are told, and the instance stays ready', async () => {
  const { ready, checks } = await checked({ poisoned: 3 });
  expect(ready).toBe(true);
  expect(checks['projections']).toEqual({ ok: false, detail: expect.stringContaining('3 executions are held back') });
});

test('one that is stopping is not ready', async () => {
  expect(await checked({}, AbortSignal.abort())).toMatchObject({ ready: false, checks: { instance: { ok: false } } });
});
