/** What it costs to know who asks: processor time of requests with an API key beside that of requests of nobody. */
import type { BenchPostgres } from '../event-node/postgres.js';
import { cpuSecondsOf } from '../cpu.js';
import { runProgram } from '../processes.js';
import { table, times, type Section } from '../report.js';
import { median } from '../rounds.js';
import type { Settings } from '../settings.js';
import { startApplication, type Application } from './application.js';
import { requests, withDirectory } from './engine.js';

const cli = new URL('../../dist/interfaces/cli/access.js', import.meta.url);

const AIM = 1.05;
const CALLERS = 8;
/** Short turns: what else happens on the machine then meets all kinds alike. */
const TURNS_A_ROUND = 5;
const WARM_UP = 4;
const PROJECT = 'bench-1';

type Asked = Readonly<{ what: string; env: Readonly<Record<string, string>>; key: boolean; projects?: string }>;

/** Limits that are counted, as they are by default, and never reached. */
const KEYS = { AUTH: 'keys', RATE_ADDRESS_REQUESTS_PER_SECOND: '100000', RATE_REQUESTS_PER_SECOND: '100000' };

/** In turns of one run; all of them stand ready all the time, and one is asked. */
const KINDS: readonly Asked[] = [
  { what: 'open (AUTH=local)', env: {}, key: false },
  { what: 'with a key, all projects', env: KEYS, key: true },
  { what: 'with a key, some projects', env: KEYS, key: true, projects: 'bench-*' },
];

type Ready = Readonly<{ app: Application; get: () => Promise<void>; close: () => Promise<void> }>;

export const benchAccess = async (postgres: BenchPostgres, settings: Settings): Promise<Section[]> => {
  const count = settings.quick ? 200 : 1_000;
  const turns = settings.quick ? 1 : settings.rounds * TURNS_A_ROUND;
  const ready: Ready[] = [];
  const work = async (directories: readonly string[]) => {
    for (const [index, kind] of KINDS.entries())
      ready.push(await prepare(kind, await postgres.database(`access_${index}`), directories[index]!));
    const seconds = KINDS.map((): number[] => []);
    for (const { get } of ready) await ask(get, WARM_UP * count);
    for (let turn = 0; turn < turns; turn++)
      for (const [index, { app, get }] of ready.entries()) {
        settings.tell(`turn ${turn + 1} of ${turns}: ${KINDS[index]!.what}`);
        const before = await cpuSecondsOf([app.pid]);
        await ask(get, count);
        seconds[index]!.push((((await cpuSecondsOf([app.pid])) - before) * 1_000_000) / count);
      }
    return [section(seconds, count)];
  };
  try {
    return await withDirectory((one) => withDirectory((two) => withDirectory((three) => work([one, two, three]))));
  } finally {
    for (const { close } of ready) await close();
  }
};

const ask = async (get: () => Promise<void>, count: number): Promise<void> => {
  let left = count;
  const caller = async () => {
    while (left-- > 0) await get();
  };
  await Promise.all(Array.from({ length: CALLERS }, caller));
};

const prepare = async ({ env, key, projects }: Asked, databaseUrl: string, directory: string): Promise<Ready> => {
  const settings = { ...env, ACCESS_LOG: 'off' };
  const app = await startApplication({ databaseUrl, directory, agentUrl: null, env: settings });
  const headers = key ? await authorization(databaseUrl, directory, projects) : {};
  const { ask: request, close } = requests(app.url, CALLERS, headers);
  const body = { project_id: PROJECT, document_type: 'bench', auto_execute: false };
  const started = await request('POST', '/api/v1/workflow/start', body);
  const { id } = (started as { data: { execution: { id: string } } }).data.execution;
  const get = async () => void (await request('GET', `/api/v1/workflow?execution_id=${id}&include_steps=true`));
  const stop = async () => {
    await close();
    await app.stop();
  };
  return { app, get, close: stop };
};

const authorization = async (databaseUrl: string, directory: string, projects: string | undefined) => {
  const roles = ['--name', 'bench', '--role', 'operator', ...(projects === undefined ? [] : ['--projects', projects])];
  const env = { DATABASE_URL: databaseUrl, DATA_DIR: directory, AUTH: 'keys' };
  const { body } = await runProgram(cli, ['keys', 'create', ...roles], env);
  const made = /wfx_\S+/.exec(body.toString())?.[0];
  if (made === undefined) throw new Error(`expected a key, got: ${body.toString()}`);
  // Longer than the application takes to hear of it.
  await new Promise((resolve) => setTimeout(resolve, 2_000));
  return { authorization: `Bearer ${made}` };
};

const section = (seconds: readonly (readonly number[])[], count: number): Section => {
  const [open, ...keyed] = seconds;
  return {
    title: `Access: processor time of one GET of an execution with its steps, ${count} in each turn`,
    table: table(
      ['request', 'µs of processor time'],
      seconds.map((each, index) => [KINDS[index]!.what, times(each, 0)]),
    ),
    ratios: keyed.map((each, index) => {
      const value = median(each) / median(open!);
      return { name: `${KINDS[index + 1]!.what} / open`, value, aim: `<= ${AIM}`, met: value <= AIM };
    }),
    raw: { seconds },
  };
};
