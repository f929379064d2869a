import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { startChild } from '../support/child.js';

const QUICKSTART = new URL('../../dist/interfaces/cli/quickstart.js', import.meta.url);
const STEPS = ['enrich', 'compose', 'write', 'validate', 'assemble', 'export'];

let dataDir: string;

beforeAll(async () => {
  dataDir = await mkdtemp(path.join(tmpdir(), 'workflow-executor-quickstart-'));
});
afterAll(() => rm(dataDir, { recursive: true }));

const quickstart = () => startChild(QUICKSTART, [], { DATA_DIR: dataDir });

test('after Ctrl-C in the middle of an execution, the same command continues it and writes the documents', async () => {
  const interrupted = quickstart();
  const [, execution] = await interrupted.printed(/Started execution (\S+)/, { deadlineMs: 60_000 });
  await interrupted.kill('SIGINT');
  expect(interrupted.process.exitCode).toBe(0);

  const again = quickstart();
  const [code] = (await once(again.process, 'exit')) as [number];
  const output = again.output();
  expect(output).toContain(`Going on with execution ${execution}`);
  for (const step of STEPS) expect(output).toMatch(new RegExp(`✔ ${step} +completed +\\d+ % +[\\d.]+ s`));
  expect(output).toContain('Execution completed');
  expect(code).toBe(0);
  const files = output.match(/\S+\.(docx|pdf)/g)?.map((file) => path.resolve(file)) ?? [];
  const beginnings = await Promise.all(files.map(async (file) => (await readFile(file)).subarray(0, 4).toString()));
  expect(beginnings.sort()).toEqual(['%PDF', 'PK\u0003\u0004']);
}, 180_000);
