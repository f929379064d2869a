import {
  clockFinding,
  databaseFindings,
  diskFindings,
  logFindings,
  portFinding,
  settingsFindings,
  versionFindings,
  type DatabaseFacts,
  type Finding,
} from '../../../src/application/doctor/findings.js';

const GIB = 1024 ** 3;
const statuses = (findings: readonly Finding[]) => findings.map(({ status }) => status);
const versions = { node: '20.19.0', required: '>=20.19.0', version: '1.2.3', openFiles: null };
const disk = { path: '/data', problem: null, isOpen: false, freeBytes: 10 * GIB };
const facts: DatabaseFacts = {
  ...{ version: 180_004, name: 'flows', user: 'ann', mayCreate: true, isReadOnly: false },
  ...{ unknownMigrations: 0, skewMs: 3, roundTripMs: 2 },
};

test('versions: a Node that is too old and a limit of open files that is too small fail', () => {
  expect(versionFindings(versions)).toEqual([
    { check: 'versions', status: 'ok', message: 'workflow-executor 1.2.3 on Node 20.19.0' },
  ]);
  for (const node of ['20.19.1', '22.0.0', '26.1.0'])
    expect(statuses(versionFindings({ ...versions, node }))).toEqual(['ok']);
  for (const node of ['20.18.9', '18.20.0']) expect(statuses(versionFindings({ ...versions, node }))).toEqual(['fail']);
  expect(versionFindings({ ...versions, openFiles: 'too few' })[1]).toEqual({
    check: 'versions',
    status: 'fail',
    message: 'too few',
  });
});

test('settings: each problem has a line, a file that cannot be read too; warnings do not fail', () => {
  const fine = {
    problems: null,
    warnings: [],
    files: [{ setting: 'A', path: '/a', problem: null }],
    definitions: null,
  };
  expect(statuses(settingsFindings(fine))).toEqual(['ok']);
  expect(settingsFindings({ problems: ['X: expected a number', 'Y: unknown'] }).map(({ message }) => message)).toEqual([
    'X: expected a number',
    'Y: unknown',
  ]);
  const dangling = {
    ...fine,
    files: [{ setting: 'TLS_KEY_FILE', path: '/k', problem: 'ENOENT' }],
    definitions: 'no folder',
  };
  expect(statuses(settingsFindings(dangling))).toEqual(['fail', 'fail']);
  expect(settingsFindings(dangling)[0]!.message).toContain(
    'TLS_KEY_FILE: expected a file that can be read, got /k: ENOENT',
  );
  expect(statuses(settingsFindings({ ...fine, warnings: ['one proxy'] }))).toEqual(['warn']);
});

test('disk: a folder that cannot be written fails, little space warns and then fails, other writers warn', () => {
  expect(statuses(diskFindings(disk))).toEqual(['ok']);
  expect(diskFindings({ ...disk, problem: 'EACCES', freeBytes: 0 })).toMatchObject([
    { status: 'fail', message: expect.stringMatching(/EACCES/) },
  ]);
  expect(statuses(diskFindings({ ...disk, freeBytes: GIB }))).toEqual(['warn']);
  expect(statuses(diskFindings({ ...disk, freeBytes: GIB / 100 }))).toEqual(['fail']);
  expect(diskFindings({ ...disk, isOpen: true })).toMatchObject([
    { status: 'warn', message: expect.stringMatching(/chmod go-w/) },
  ]);
});

test('clock: what the way there and back may explain is not skew', () => {
  expect(clockFinding('the database', 400, 10).status).toBe('ok');
  expect(clockFinding('the database', -2_000, 1_800).status).toBe('ok');
  expect(clockFinding('the database', -2_000, 10)).toMatchObject({
    status: 'warn',
    message: expect.stringMatching(/2000 ms behind/),
  });
  expect(clockFinding('the database', 60_000, 10)).toMatchObject({
    status: 'fail',
    message: expect.stringMatching(/60000 ms ahead.*NTP/),
  });
});

test('port: something else that listens fails; an instance of this application does not', () => {
  const at = (listener: Parameters<typeof portFinding>[0]['listener']) =>
    portFinding({ address: 'h:1', listener }).status;
  expect([at('none'), at('this application'), at('something else')]).toEqual(['ok', 'ok', 'fail']);
});

test('database: each fact that stops a start fails, with what the operator does', () => {
  expect(statuses(databaseFindings({ kind: 'reached', ...facts }))).toEqual(['ok', 'ok', 'ok']);
  const with_ = (more: Partial<DatabaseFacts>) => databaseFindings({ kind: 'reached', ...facts, ...more })[0];
  expect(with_({ version: 130_011 })).toMatchObject({
    status: 'fail',
    message: expect.stringMatching(/14 or newer, got 13/),
  });
  expect(with_({ mayCreate: false })).toMatchObject({ status: 'fail', message: expect.stringMatching(/grant create/) });
  expect(with_({ isReadOnly: true })).toMatchObject({ status: 'fail', message: expect.stringMatching(/primary/) });
  expect(with_({ unknownMigrations: 2 })).toMatchObject({
    status: 'fail',
    message: expect.stringMatching(/newer version/),
  });
});

test('database: what cannot be reached says which of its causes it is', () => {
  const away = (code: string) => databaseFindings({ kind: 'away', problem: 'it said', code })[0]!;
  expect(away('28P01')).toMatchObject({ status: 'fail', message: expect.stringMatching(/it said.*password/) });
  expect(away('3D000').message).toMatch(/Create the database/);
  expect(away('ENOTFOUND').message).toMatch(/Correct the host/);
  expect(away('ECONNREFUSED').message).toMatch(/Start the server/);
  expect(databaseFindings({ kind: 'pooled', problem: 'shared' })).toEqual([
    { check: 'pooler', status: 'fail', message: 'shared' },
  ]);
  expect(databaseFindings({ kind: 'unusable', problem: 'SQL_ASCII' })[0]!.status).toBe('fail');
  expect(databaseFindings({ kind: 'embedded', problem: null })[0]!.status).toBe('ok');
  expect(databaseFindings({ kind: 'embedded', problem: 'not installed' })[0]!.status).toBe('fail');
});

test('log: away, without rights or another one fails; where the database was not asked, that is a warning', () => {
  const reached = { kind: 'reached', version: '23.10', mayWrite: null, mismatch: null } as const;
  expect(statuses(logFindings(reached))).toEqual(['ok']);
  expect(statuses(logFindings({ kind: 'embedded' }))).toEqual(['ok']);
  expect(logFindings({ ...reached, mayWrite: 'denied' })).toMatchObject([
    { status: 'fail', message: expect.stringMatching(/denied.*\$all/) },
  ]);
  expect(logFindings({ ...reached, mismatch: 'another log' })).toEqual([
    { check: 'log', status: 'fail', message: 'another log' },
  ]);
  expect(statuses(logFindings({ ...reached, mismatch: undefined }))).toEqual(['warn']);
  const away = (fault: 'TLS_FAILED' | 'CREDENTIALS_REFUSED' | undefined) =>
    logFindings({ kind: 'away', fault, problem: 'said' })[0]!;
  expect(away('TLS_FAILED').message).toMatch(/tlsCAFile/);
  expect(away('CREDENTIALS_REFUSED').message).toMatch(/EVENTSTORE_PASSWORD_FILE/);
  expect(away(undefined)).toMatchObject({ status: 'fail', message: expect.stringMatching(/Start it/) });
});
