/** Jest in ESM mode: Nest 12 is ESM only. TypeScript is transformed by SWC, types are checked by `npm run typecheck`. */
import { availableParallelism } from 'node:os';

const swc = {
  jsc: {
    target: 'es2022',
    parser: { syntax: 'typescript', decorators: true },
    transform: { legacyDecorator: true, decoratorMetadata: true, useDefineForClassFields: false },
  },
  module: { type: 'es6' },
  sourceMaps: 'inline',
};

export default {
  testEnvironment: 'node',
  roots: ['<rootDir>/test'],
  testMatch: ['**/*.spec.ts'],
  extensionsToTreatAsEsm: ['.ts'],
  transform: { '^.+\\.ts$': ['@swc/jest', swc] },
  moduleNameMapper: {
    '^(\\.{1,2}/.*)\\.js$': '$1',
    '^workflow-executor$': '<rootDir>/src/index.ts',
    '^@/lib/workflow/executor$': '<rootDir>/src/index.ts',
    '^@/lib/supabase/client$': '<rootDir>/src/lib/supabase/client.ts',
  },
  modulePathIgnorePatterns: ['<rootDir>/dist', '<rootDir>/\\.dist-', '<rootDir>/data'],
  testSequencer: '<rootDir>/test/support/longest-first.mjs',
  globalSetup: '<rootDir>/test/support/global-setup.ts',
  globalTeardown: '<rootDir>/test/support/global-teardown.ts',
  // One more than two cores have work for, as the end-to-end tests wait for processes of their own; more than four only
  // crowd the one Postgres they share.
  maxWorkers: Math.max(3, Math.min(availableParallelism(), 4)),
  // Modules loaded in a VM context are not all collected when their test file is done.
  workerIdleMemoryLimit: '1GB',
  testTimeout: 60_000,
};
