/** Jest finds, orders and reports; `native-runner.mjs` runs the test files. Types are checked by `npm run typecheck`. */
export default {
  testEnvironment: 'node',
  roots: ['<rootDir>/test'],
  testMatch: ['**/*.spec.ts'],
  testRunner: '<rootDir>/test/support/native-runner.mjs',
  transform: {},
  modulePathIgnorePatterns: ['<rootDir>/dist', '<rootDir>/\\.dist-', '<rootDir>/data'],
  testSequencer: '<rootDir>/test/support/longest-first.mjs',
  globalSetup: '<rootDir>/test/support/global-setup.mjs',
  globalTeardown: '<rootDir>/test/support/global-teardown.mjs',
  // More than two cores have work for, as the end-to-end tests wait for processes of their own; more than four only
  // crowd the one Postgres they share.
  maxWorkers: 4,
  // Node never forgets a module: what test files have loaded stays with their worker.
  workerIdleMemoryLimit: '1GB',
  testTimeout: 60_000,
};
