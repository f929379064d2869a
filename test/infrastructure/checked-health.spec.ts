import type { RunnerStatus } from '../../src/application/projections/runner.js';
import type { HealthCheck } from '../../src/application/runtime/metrics.js';
import type { VitalSign } from '../../src/application/log/vital-signs.js';
import { CheckedHealth } from '../../src/infrastructure/metrics/checked-health.js';
import { OWNER_SETTING } from '../../src/infrastructure/postgres/session/session-lock.js';
import { SystemClock } from '../../src/infrastructure/system/clock-and-ids.js';
import { InMemoryEventLog } from '../../src/testing/in-memory.event-log.js';
import { openTables, type TestTables } from './postgres/read-tables.js';

const LEADS: RunnerStatus = { leading: true, caughtUp: true, position: 1n, lastEventAt: null, poisoned: 0 };

let tables: TestTables;
beforeAll(async () => (tables = await openTables()));
afterAll(() => tables.close());

const DENIED = new Error('denied');
const WELL: VitalSign = { ok: true, detail: 'as it should be', ageSeconds: 1 };
const signs = { log_write: WELL, log_follow: WELL, database_write: WELL, signing: WELL, saga: WELL };

const checked = (
  status: Partial<RunnerStatus>,
  stopping = new AbortController().signal,
  ill: object = {},
  log = new InMemoryEventLog(),
  identity: HealthCheck = { ok: true },
) => {
  const vitals = { known: Promise.resolve(), signs: () => ({ ...signs, ...ill }) };
  const faultOf = (error: unknown) => (error === DENIED ? 'RIGHTS_MISSING' : undefined);
  const logIdentity = { health: () => Promise.resolve(identity) };
  const asked = {
    dataSource: tables.dataSource,
    log,
    faultOf,
    clock: new SystemClock(),
    vitals,
    logIdentity,
  };
  return new CheckedHealth(asked, () => ({ ...LEADS, ...status }), stopping).check();
};

test.each([
  [DENIED, { ok: false, code: 'RIGHTS_MISSING', detail: expect.stringMatching(/^the user lacks a right/) as string }],
  [new Error('at log.internal:2113'), { ok: false, detail: 'it cannot be reached' }],
])('one that may read streams and not the whole log is not ready: %s', async (error, expected) => {
  const log = new InMemoryEventLog();
  log.head = () => Promise.reject(error);
  const { ready, checks } = await checked({}, undefined, {}, log);
  expect({ ready, event_log: checks['event_log'] }).toEqual({ ready: false, event_log: expected });
});

test('all is well', async () => {
  expect(await checked({})).toMatchObject({ ready: true, checks: { projections: { ok: true, detail: 'up to date' } } });
});

test('executions that are held back are told, and the instance stays ready', async () => {
  const { ready, checks } = await checked({ poisoned: 3 });
  expect(ready).toBe(true);
  expect(checks['projections']).toEqual({ ok: false, detail: expect.stringContaining('3 executions are held back') });
});

test('histories that are damaged are told, and the instance stays ready', async () => {
  await tables.dataSource.query(`insert into damaged_histories values ('a', 'gone', 'none is there', now())`);
  const { ready, checks } = await checked({});
  await tables.dataSource.query('delete from damaged_histories');
  expect(ready).toBe(true);
  expect(checks['histories']).toEqual({ ok: false, detail: expect.stringContaining('degraded: 1 executions') });
  expect((await checked({})).checks['histories']).toEqual({ ok: true });
});

test('one that is stopping is not ready', async () => {
  expect(await checked({}, AbortSignal.abort())).toMatchObject({ ready: false, checks: { instance: { ok: false } } });
});

test.each(['log_write', 'log_follow', 'database_write', 'signing', 'saga'])(
  'one without %s is not ready',
  async (name) => {
    const { ready, checks } = await checked({}, undefined, {
      [name]: { ok: false, detail: 'last 99 s ago', ageSeconds: 99 },
    });
    expect(ready).toBe(false);
    expect(checks[name]).toEqual({ ok: false, detail: 'last 99 s ago' });
  },
);

test('one whose event log is another one is not ready, and says why', async () => {
  const identity = { ok: false, detail: 'it ends at position 3, and workflow_steps has read up to 9' };
  const { ready, checks } = await checked({}, undefined, {}, undefined, identity);
  expect({ ready, check: checks['log_identity'] }).toEqual({ ready: false, check: identity });
});

test('one whose pool is in the session of a lock is not ready: the sessions are shared', async () => {
  await tables.dataSource.query(`set ${OWNER_SETTING} = 'another client'`);
  const { ready, checks } = await checked({});
  await tables.dataSource.query(`reset ${OWNER_SETTING}`);
  expect({ ready, database: checks['database'] }).toEqual({
    ready: false,
    database: { ok: false, detail: 'a pooler in transaction mode is in between; see DATABASE_URL' },
  });
});
