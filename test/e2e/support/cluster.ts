import { rm } from 'node:fs/promises';
import { createTestDatabase } from '../../support/postgres.js';
import { definitionsDir, type StepFile } from './definitions.js';
import { startInstance, type Instance } from './instance.js';

/** Instances of the built application on one database, with definitions of the test. */
export type Cluster = Readonly<{
  databaseUrl: string;
  definitions: string;
  /** All that were started, in this order, those that have ended too. */
  instances: readonly Instance[];
  start: (env?: Readonly<Record<string, string>>) => Promise<Instance>;
  /** Kills what still lives. */
  close: () => Promise<void>;
}>;

/** @param env of every instance */
export const openCluster = async (
  steps: readonly StepFile[],
  env: Readonly<Record<string, string>> = {},
): Promise<Cluster> => {
  const [database, definitions] = await Promise.all([createTestDatabase(), definitionsDir(steps)]);
  const instances: Instance[] = [];
  const shared = { DATABASE_URL: database.url, DEFINITIONS_DIR: definitions, ...env };
  return {
    databaseUrl: database.url,
    definitions,
    instances,
    start: async (more = {}) => {
      const instance = await startInstance({ ...shared, ...more });
      instances.push(instance);
      return instance;
    },
    close: async () => {
      const living = instances.filter(isAlive);
      // One that stands still is not left so.
      for (const { child } of living) child.process.kill('SIGCONT');
      await Promise.all(living.map(({ child }) => child.kill('SIGKILL')));
      await Promise.all([rm(definitions, { recursive: true }), database.drop()]);
    },
  };
};

export const isAlive = ({ child: { process } }: Instance): boolean =>
  process.exitCode === null && process.signalCode === null;
