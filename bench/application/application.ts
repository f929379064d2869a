/** The built application with its embedded node, as `npm start` runs it, and a definition of six steps. */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type pg from 'pg';
import { stepName, STEPS } from '../peers/work.mjs';
import { startProgram, type Program } from '../processes.js';

const main = new URL('../../dist/main.js', import.meta.url);
const manifest = new URL('../../package.json', import.meta.url);
const TIMEOUT_MINUTES = 600;

export type Application = Program & Readonly<{ url: string }>;

export type Place = Readonly<{
  /** Undefined: an embedded Postgres in the directory. */
  databaseUrl: string | undefined;
  directory: string;
  /** Where its agent is called; null: a function in its process. */
  agentUrl: string | null;
  env?: Readonly<Record<string, string>>;
}>;

/** May be called again for the same place. */
export const startApplication = async ({ databaseUrl, directory, agentUrl, env }: Place): Promise<Application> => {
  const environment = {
    ...{ DATABASE_URL: databaseUrl ?? '', PORT: '0', LOG_LEVEL: 'log', DATA_DIR: directory },
    DEFINITIONS_DIR: await writeDefinition(directory),
    ...(agentUrl === null
      ? { AGENTS_MODULE: fileURLToPath(new URL('../peers/in-process-agent.mjs', import.meta.url)) }
      : { AGENT_BENCH_URL: agentUrl }),
    ...env,
  };
  const ready = /The API is at (http:\S+?)["\s]/;
  const program = await startProgram(main, ready, environment, await nodeOptionsOfStart());
  return { ...program, url: program.printed };
};

const nodeOptionsOfStart = async (): Promise<readonly string[]> => {
  const { scripts } = JSON.parse(await readFile(manifest, 'utf8')) as { scripts: Record<'start', string> };
  return scripts.start.split(' ').filter((word) => word.startsWith('--'));
};

/** @returns the folder of definitions, which has one of six steps */
export const writeDefinition = async (directory: string): Promise<string> => {
  const definitions = join(directory, 'definitions');
  await mkdir(definitions, { recursive: true });
  const steps = Array.from({ length: STEPS }, (_, step) => ({
    ...{ name: stepName(step), agent: 'bench', timeout_minutes: TIMEOUT_MINUTES },
  }));
  const definition = { name: 'bench', document_type: 'bench', steps };
  await writeFile(join(definitions, 'bench.json'), JSON.stringify(definition));
  return definitions;
};

/** @returns when the last event was written, Unix ms, where every read table has it; 0 where there is none; else undefined */
export const caughtUp = async (database: pg.Client): Promise<number | undefined> => {
  const { rows } = await database.query<{ is_caught_up: boolean; last: string }>(
    `with last as (
       select position, created from eventstore.events where stream like 'workflow-%' order by position desc limit 1
     )
     select last.created as last, not exists (
       select from projection_checkpoints as checkpoint where checkpoint.position < last.position
     ) as is_caught_up
     from last`,
  );
  const [found] = rows;
  if (!found) return 0;
  return found.is_caught_up ? Number(found.last) : undefined;
};
