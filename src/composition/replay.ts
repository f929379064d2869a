/** What `npm run replay` needs: the log and the read tables, to read only, and the rules in files. */
import { readFile } from 'node:fs/promises';
import { Histories } from '../application/workflow/histories.js';
import type { ReadModel } from '../application/queries/read-model.js';
import type { WorkflowDefinition } from '../domain/workflow/events.js';
import type { Rules } from '../domain/workflow/what-if/follow.js';
import { readConfig } from '../infrastructure/config/configuration.js';
import { readDefinition } from '../infrastructure/definitions/read-definition.js';
import { readRetryPolicy } from '../infrastructure/definitions/read-retry-policy.js';
import { PostgresReadModel } from '../infrastructure/postgres/queries/postgres-read-model.js';
import { PostgresDamagedHistories } from '../infrastructure/postgres/workflow/postgres-damaged-histories.js';
import { startPlatform } from './platform.js';

export type History = Readonly<{
  histories: Pick<Histories, 'read'>;
  readModel: Pick<ReadModel, 'executions'>;
  close: () => Promise<void>;
}>;

/** Uses the servers that run, or starts them and stops them at its end. What it returns cannot append. */
export const openHistory = async (tell: (line: string) => void): Promise<History> => {
  const { dataSource, log, close } = await startPlatform(readConfig(), { tell });
  const histories = new Histories(log, new PostgresDamagedHistories(dataSource));
  return { histories, readModel: new PostgresReadModel(dataSource), close };
};

/** @throws Error with a line for each problem */
export const definitionFrom = async (file: string): Promise<WorkflowDefinition> => {
  const { definition, problems } = readDefinition(await readFile(file, 'utf8'));
  if (!definition) throw new Error(`${file} is not a valid definition:\n  ${problems.join('\n  ')}`);
  return definition;
};

/** @throws Error with a line for each problem */
export const retryRulesFrom = async (file: string): Promise<Rules> => readRetryPolicy(await readFile(file, 'utf8'));
