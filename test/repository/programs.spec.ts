/** Help and unknown options never start anything: each program of package.json is asked, in an empty folder. */
import { execFile } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { bundled } from '../support/child.js';

const root = fileURLToPath(new URL('../..', import.meta.url));
const { scripts } = JSON.parse(readFileSync('package.json', 'utf8')) as { scripts: Record<string, string> };

/** What npm itself, or a tool that it calls, does by its own arguments; none of them is ours. */
const OF_TOOLS = [
  'test',
  'test:eventstore',
  'typecheck',
  'lint',
  'lint:compose',
  'lint:openapi',
  'lint:package',
  'format',
  'trial:package',
];

const BUILT = /scripts\/run\.mjs (\S+)/;
const SOURCE = /node (?:--import \S+ )?((?:test|bench|scripts)\/\S+\.(?:ts|mjs))(?: --force)?$/;
const typescript = path.join(root, 'test/support/typescript.mjs');

type Program = readonly [name: string, node: readonly string[]];

const programOf = ([name, script]: [string, string]): Program => {
  const [, built] = BUILT.exec(script) ?? [];
  if (built) return [name, [fileURLToPath(bundled(new URL(`../../dist/${built}`, import.meta.url)))]];
  const [, source = ''] = SOURCE.exec(script) ?? [];
  return [name, ['--import', pathToFileURL(typescript).href, path.join(root, source)]];
};

const ours = Object.entries(scripts).filter(([name]) => !OF_TOOLS.includes(name));
const programs = ours.map(programOf);
/** Trials read their arguments by one function: one of them stands for all, as each takes seconds to load. */
const asked = programs.filter(([, [first]]) => first !== '--import');
const tried = programs.filter(([name]) => ['sim', 'docs:settings', 'build', 'bench'].includes(name));

type Ended = Readonly<{ code: number; output: string; error: string; left: readonly string[] }>;

/** In an empty folder, and with a port that nothing may take: what was started would leave files or an error. */
const ask = async ([, node]: Program, ...args: readonly string[]): Promise<Ended> => {
  const cwd = mkdtempSync(path.join(tmpdir(), 'programs-'));
  const env = { PATH: process.env['PATH'], HOME: cwd, NODE_ENV: 'test', PORT: '1', HOST: '127.0.0.1' };
  try {
    return await new Promise((resolve) => {
      execFile(process.execPath, [...node, ...args], { cwd, env, timeout: 50_000 }, (failure, output, error) => {
        const code = failure ? Number(failure.code ?? -1) : 0;
        resolve({ code, output, error, left: readdirSync(cwd).filter((name) => name !== '.cache') });
      });
    });
  } finally {
    rmSync(cwd, { recursive: true, force: true });
  }
};

/** More at once than cores have work for would only wait for each other. */
const AT_ONCE = 4;
const askAll = async (all: readonly Program[], ...args: readonly string[]): Promise<ReadonlyMap<string, Ended>> => {
  const [waiting, ended] = [[...all], new Map<string, Ended>()];
  const worker = async () => {
    for (let next = waiting.shift(); next; next = waiting.shift()) ended.set(next[0], await ask(next, ...args));
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  return ended;
};

test('every script of package.json is a program of ours or a tool, by a line that this test understands', () => {
  const unknown = ours.filter(([, script]) => !BUILT.test(script) && !SOURCE.test(script));
  expect(unknown).toEqual([]);
  expect(ours.length).toBeGreaterThan(15);
});

test('--help prints the usage of every program, and starts nothing', async () => {
  for (const [name, { code, output, error, left }] of await askAll(programs, '--help'))
    expect({ name, code, error, left, usage: output.slice(0, 6) }).toEqual({
      ...{ name, code: 0, error: '', left: [], usage: 'Usage:' },
    });
}, 120_000);

test('an option that a program does not know ends it with 2 and is named, and starts nothing', async () => {
  for (const [name, { code, output, error, left }] of await askAll([...asked, ...tried], '--no-such-option'))
    expect({ name, code, left, named: `${output}${error}`.includes('--no-such-option') }).toEqual({
      ...{ name, code: 2, left: [], named: true },
    });
}, 120_000);
