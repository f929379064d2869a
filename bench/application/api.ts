/** What the API costs when much is stored: throughput, the list and one execution, a command to a long execution, a start. */
import { setTimeout as pause } from 'node:timers/promises';
import type { BenchPostgres } from '../event-node/postgres.js';
import { atRate, underLoad } from '../load.js';
import { table, times, type Section } from '../report.js';
import { median } from '../rounds.js';
import type { Settings } from '../settings.js';
import { startApplication } from './application.js';
import { longExecution } from './long-execution.js';
import { copyExecutions } from '../copies/copies.js';
import { storedName } from '../peers/work.mjs';
import { requests, throughput, withDatabase, withDirectory } from './engine.js';
import { explain } from './explain.js';

const FULL = 'api_full';
const AIM_GROWTH = 0.9;
const AIM_MS = 50;
const IN_FLIGHT = 64;
const READERS = 16;
const STEADY_PER_SECOND = 100;
const WHOLE_DEADLINE_MS = 60_000;

export async function benchApi(postgres: BenchPostgres, settings: Settings): Promise<Section[]> {
  const [growth, full] = await growing(postgres, settings);
  const read = await reading(full, settings);
  await postgres.drop(FULL); // it is large
  return [growth, read, await longExecution(await postgres.database('api_long'), settings), await startUp(settings)];
}

async function growing(postgres: BenchPostgres, settings: Settings): Promise<[Section, string]> {
  const [empty, full] = [await postgres.database('api_empty'), await postgres.database(FULL)];
  const counts = settings.quick ? { warmUp: 10, count: 50 } : { warmUp: 300, count: 2_000 };
  await oneIsWhole(full);
  settings.tell(`storing ${settings.executions.toLocaleString('en')} finished executions`);
  const events = await copyExecutions(full, settings.executions, settings.tell);
  const rates = { empty: [] as number[], full: [] as number[] };
  for (let round = 0; round < settings.rounds; round++) {
    const first = 1 + round * (counts.warmUp + counts.count);
    settings.tell(`round ${round + 1} of ${settings.rounds}: throughput with none and with all`);
    rates.empty.push(await throughput(empty, { ...counts, first, inFlight: IN_FLIGHT }));
    rates.full.push(await throughput(full, { ...counts, first, inFlight: IN_FLIGHT }));
  }
  const value = median(rates.full) / median(rates.empty);
  const stored = `${settings.executions.toLocaleString('en')} (${events.toLocaleString('en')} events)`;
  const section: Section = {
    title: 'Growth: workflows/s with finished executions stored',
    table: table(
      ['stored', 'workflows/s'],
      [
        ['none', times(rates.empty, 0)],
        [stored, times(rates.full, 0)],
      ],
    ),
    ratios: [{ name: 'with all / with none', value, aim: `>= ${AIM_GROWTH}`, met: value >= AIM_GROWTH }],
    raw: rates,
  };
  return [section, full];
}

/** Runs the execution that is copied. Its copies are put behind it in read tables and an audit tree that have all of it. */
const oneIsWhole = (databaseUrl: string): Promise<void> =>
  withDirectory(async (directory) => {
    const app = await startApplication({ databaseUrl, directory, agentUrl: null });
    const { ask, close } = requests(app.url, 1);
    try {
      await ask('POST', '/api/v1/workflow/start', { project_id: storedName(0), document_type: 'bench' });
      await withDatabase(databaseUrl, async (database) => {
        for (const end = performance.now() + WHOLE_DEADLINE_MS; performance.now() < end; await pause(200)) {
          const { rows } = await database.query<{ whole: boolean }>(
            `select exists (select from workflow_executions where current_state = 'completed') and position <= all (
               select max(position) from audit_leaves union all select position from projection_checkpoints
             ) as whole
             from eventstore.events where stream like 'workflow-%' order by position desc limit 1`,
          );
          if (rows[0]?.whole) return;
        }
        throw new Error('Tables and audit tree did not take one execution in a minute');
      });
    } finally {
      await close();
      await app.stop();
    }
  });

const reading = (databaseUrl: string, settings: Settings): Promise<Section> =>
  withDirectory(async (directory) => {
    const ids = await withDatabase(databaseUrl, async (database) => {
      // Of all of them: neighbours in the table would be in the caches together.
      const { rows } = await database.query<{ id: string }>(
        'select id from workflow_executions order by random() limit 10000',
      );
      return rows.map(({ id }) => id);
    });
    const app = await startApplication({ databaseUrl, directory, agentUrl: null });
    const { ask, close } = requests(app.url, READERS);
    try {
      const load = { ...settings, inFlight: READERS };
      let next = 0;
      const get = async (path: () => string) => void (await ask('GET', path()));
      const id = () => ids[(next = (next + 7_919) % ids.length)]!;
      const paths: Readonly<Record<string, () => string>> = {
        list: () => '/api/v1/workflow/executions',
        'list, state=completed': () => '/api/v1/workflow/executions?state=completed',
        'get with steps': () => `/api/v1/workflow?execution_id=${id()}&include_steps=true`,
      };
      const measured = [];
      // What a process does first, it does slowly: each of them a while before any is measured.
      for (const path of Object.values(paths)) await underLoad({ ...load, measureMs: 0 }, () => get(path));
      for (const [what, path] of Object.entries(paths)) {
        settings.tell(`${what}, ${STEADY_PER_SECOND} a second, then ${READERS} at the same time`);
        const steady = await atRate(STEADY_PER_SECOND, settings.measureMs, () => get(path));
        measured.push({ what, steady, ...(await underLoad(load, () => get(path))) });
      }
      const plans = await explain(databaseUrl, ids[0]!);
      const shown = plans.map(({ what, plan }) => `${what}:\n\n${plan.replace(/^/gm, '    ')}`).join('\n\n');
      const rows = measured.map(({ what, steady, rate, p50, p99 }) => [
        ...[what, steady.p50.toFixed(1), steady.p99.toFixed(1), rate.toFixed(0), p50.toFixed(1), p99.toFixed(1)],
      ]);
      const ratio = (name: string, value: number) => ({ name, value, aim: `< ${AIM_MS}`, met: value < AIM_MS });
      return {
        title: `Reads with ${settings.executions.toLocaleString('en')} executions, ${STEADY_PER_SECOND} a second, and of ${READERS} clients without a pause`,
        table: `${table(['request', 'p50, ms', 'p99, ms', 'without a pause, per second', 'p50, ms', 'p99, ms'], rows)}\n\n${shown}`,
        ratios: measured.flatMap(({ what, steady, p99 }) => [
          ratio(`p99 of ${what} at ${STEADY_PER_SECOND} a second, ms`, steady.p99),
          ratio(`p99 of ${what} without a pause, ms`, p99),
        ]),
        raw: { measured, plans },
      };
    } finally {
      await close();
      await app.stop();
    }
  });

const AIM_START_SECONDS = 3;

/** The embedded default, Postgres and node in its own directory: from its start to its first answer. */
const startUp = (settings: Settings): Promise<Section> =>
  withDirectory(async (directory) => {
    const seconds: number[] = [];
    for (let start = 0; start <= settings.rounds; start++) {
      const began = performance.now();
      const app = await startApplication({ databaseUrl: undefined, directory, agentUrl: null });
      const { ask, close } = requests(app.url, 1);
      await ask('GET', '/api/v1/workflow/executions');
      seconds.push((performance.now() - began) / 1_000);
      await close();
      await app.stop();
    }
    const [cold = 0, ...warm] = seconds;
    const value = median(warm);
    return {
      title: 'Start of the embedded default, until its first answer',
      table: table(
        ['start', 'seconds'],
        [
          ['the first, which makes the cluster', times([cold], 1)],
          ['warm', times(warm, 1)],
        ],
      ),
      ratios: [{ name: 's, warm', value, aim: `< ${AIM_START_SECONDS}`, met: value < AIM_START_SECONDS }],
      raw: seconds,
    };
  });
