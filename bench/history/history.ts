/** What it costs to read, replay, verify or pack a long history; and the pack of an execution that made documents. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { BenchPostgres } from '../event-node/postgres.js';
import { runProgram, startProgram } from '../processes.js';
import { execution, start, until } from '../rebuild/clients.js';
import { table, type Section } from '../report.js';
import { spread } from '../rounds.js';
import type { Settings } from '../settings.js';
import { alternate, firstByte, lastLine, type Took } from './clients.js';

const AIM_FIRST_BYTE_MS = 250;
const LINES = { accept: 'application/x-ndjson' };

export async function benchHistory(postgres: BenchPostgres, settings: Settings): Promise<Section[]> {
  const events = settings.quick ? 500 : 10_000;
  const databaseUrl = await postgres.database('history');
  const directory = await mkdtemp(join(tmpdir(), 'workflow-executor-bench-data-'));
  const env = { DATABASE_URL: databaseUrl, PORT: '0', LOG_LEVEL: 'log', DATA_DIR: directory };
  const main = new URL('../../dist/main.js', import.meta.url);
  const app = await startProgram(main, /The API is at (http:\S+?)["\s]/, env);
  const url = app.printed;
  try {
    const made = await start(url, { project_id: 'metformin', document_type: 'ib' });
    await until(async () => (await execution(url, made)).current_state === 'completed');
    settings.tell(`an execution with ${events} events`);
    const long = await start(url, { project_id: 'metformin', document_type: 'ib', auto_execute: false });
    await alternate(url, long, events - 1);

    const answers = await readAll(url, { made, long }, events, settings);
    const file = join(directory, 'pack.zip');
    await writeFile(file, answers.longPack.body);
    settings.tell('programs');
    return [sectionOf(events, answers, await runAll(long, file, env))];
  } finally {
    await app.stop();
    await rm(directory, { recursive: true, force: true });
  }
}

type Answer = Readonly<{ body: Buffer; bytes: number; first: number; total: number }>;
type Answers = Readonly<Record<'lines' | 'rows' | 'past' | 'pack' | 'longPack', Answer>>;
type Runs = Readonly<Record<'replay' | 'verify' | 'checked', Took>>;

const readAll = async (
  url: string,
  { made, long }: Readonly<{ made: string; long: string }>,
  events: number,
  settings: Settings,
): Promise<Answers> => {
  const of = (id: string, what: string) => `${url}/api/v1/workflow/${id}/${what}`;
  const read = async (path: string, headers: Record<string, string> = {}, times = settings.rounds) => {
    const rounds = [];
    for (let round = 0; round < times; round++) rounds.push(await firstByte(path, headers));
    const [first, total] = [spread(rounds.map((one) => one.firstMs)), spread(rounds.map((one) => one.totalMs))];
    return { body: rounds[0]!.body, bytes: rounds[0]!.body.length, first: first.median, total: total.median };
  };
  settings.tell('reading it');
  const lines = await read(of(long, 'events'), LINES);
  const { end } = lastLine(lines.body) as { end: { complete: boolean; events: number } };
  if (!end.complete || end.events !== events) throw new Error(`Expected the whole history, got ${JSON.stringify(end)}`);
  const rows = await read(`${of(long, 'events')}?source=projection`, LINES);
  const past = await read(`${url}/api/v1/workflow?execution_id=${long}&at_revision=${events - 2}`);
  settings.tell('packs');
  const pack = await read(of(made, 'audit-pack'));
  const longPack = await read(of(long, 'audit-pack'), {}, 1);
  return { lines, rows, past, pack, longPack };
};

const runAll = async (long: string, pack: string, env: NodeJS.ProcessEnv): Promise<Runs> => {
  const program = (path: string) => new URL(path, import.meta.url);
  const replay = await runProgram(program('../../dist/interfaces/cli/replay/main.js'), [long], env);
  const audit = program('../../dist/interfaces/cli/audit.js');
  const key = ['--key', (await runProgram(audit, ['key'], env)).body.toString().trim()];
  const verify = await runProgram(audit, ['verify', '--all', ...key], env);
  const checkPack = program('../../src/infrastructure/audit/pack/verify.mjs');
  return { replay, verify, checked: await runProgram(checkPack, [pack, ...key], env) };
};

const sectionOf = (events: number, { lines, rows, past, pack, longPack }: Answers, runs: Runs): Section => {
  const row = (what: string, { first, total, bytes }: Omit<Answer, 'body'>) => [
    ...[what, first.toFixed(0), total.toFixed(0), (bytes / 1_024).toFixed(0)],
  ];
  const run = (what: string, { firstMs, totalMs, body }: Took) =>
    row(what, { first: firstMs, total: totalMs, bytes: body.length });
  return {
    title: `A history of ${events.toLocaleString('en')} events`,
    table: table(
      ['what', 'first byte, ms', 'all, ms', 'KB'],
      [
        row('its events from the log, as lines', lines),
        row('its events from the table, as lines', rows),
        row('the execution as it was one event ago', past),
        run('npm run replay', runs.replay),
        run('npm run audit -- verify --all', runs.verify),
        row('its audit pack', longPack),
        run('verify.mjs with that pack', runs.checked),
        row('the audit pack of an execution that made two documents', pack),
      ],
    ),
    ratios: [
      {
        name: 'ms to the first byte of its events',
        value: lines.first,
        aim: `<= ${AIM_FIRST_BYTE_MS}`,
        met: lines.first <= AIM_FIRST_BYTE_MS,
      },
    ],
    raw: { lines: { ...lines, body: undefined }, pack: { ...pack, body: undefined } },
  };
};
