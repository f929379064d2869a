import { spawn } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { loadAgentsModule } from '../../../src/infrastructure/agents/agents-module.js';
import { registeredAgents } from '../../../src/infrastructure/agents/registry.js';
import { guideAgent } from '../../support/guide-agent.js';

const typescript = fileURLToPath(new URL('../../support/typescript.mjs', import.meta.url));
const program = fileURLToPath(new URL('./agents-module.program.ts', import.meta.url));
let directory: string;

// What the modules import: it is not part of the time in which they have to load.
beforeAll(() => import('../../../src/index.js'));
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'agents-module-'));
});
afterEach(() => rm(directory, { recursive: true, force: true }));

type Printed = { names: string[]; replies: unknown[] };

/** A process of Node's own, started where the user's file lies: outside this repository. */
const load = async (path: string): Promise<Printed> => {
  const child = spawn(process.execPath, ['--import', typescript, program, path], { cwd: directory });
  const [out, errors] = await Promise.all([text(child.stdout), text(child.stderr)]);
  try {
    return JSON.parse(out) as Printed;
  } catch {
    throw new Error(`Expected JSON, the program printed: ${out} ${errors}`);
  }
};

const write = async (name: string, content: string): Promise<string> => {
  await writeFile(join(directory, name), content);
  return `./${name}`;
};

const example = guideAgent('({ step: input.step, language: input.metadata.language })');

const expected = {
  names: ['my_agent'],
  replies: [
    {
      success: true,
      data: { step: 'enrich', language: 'en' },
      metadata: { duration_ms: 1000, model_used: 'gpt-4' },
      artifacts: [],
    },
  ],
};

test.each(['my-agents.mjs', 'my-agents.js'])("the guide's example registers its agent from %s", async (name) => {
  expect(await load(await write(name, example))).toEqual(expected);
});

test("the package's name works too, through files that the module imports, by an absolute path", async () => {
  await mkdir(join(directory, 'deep er'));
  await write('deep er/other.mjs', example.replace('@/lib/workflow/executor', 'workflow-executor'));
  const own = `import { registerAgent } from 'workflow-executor';
    import './deep er/other.mjs';
    registerAgent('second', async () => ({ success: true }));`;
  await write('my agents.mjs', own);
  expect(await load(join(directory, 'my agents.mjs'))).toMatchObject({ names: ['my_agent', 'second'] });
});

test.each<[string, string, string | null, RegExp]>([
  ['is missing', 'none.mjs', null, /none\.mjs is not a file/],
  ['has another ending', 'a.tsx', 'export {}', /a\.tsx does not end in \.js, \.mjs, \.ts, \.mts\./],
  ['throws', 'a.mjs', `throw new Error('no key')`, /a\.mjs could not be loaded: no key/],
  ['throws a text', 'a.mjs', `throw 'no key'`, /a\.mjs could not be loaded: no key/],
  ['is not JavaScript', 'a.mjs', 'const = 1', /a\.mjs could not be loaded: .*Unexpected token/s],
  ['imports what is not there', 'a.mjs', `import 'not-there'`, /could not be loaded: Cannot find .* 'not-there'/],
  ['registers nothing', 'a.mjs', 'export {}', /a\.mjs registers nothing/],
  ['does not finish loading', 'a.mjs', 'await new Promise(() => undefined)', /was not loaded within 200 ms/],
  [
    'registers under no name',
    'a.mjs',
    `import { registerAgent } from 'workflow-executor'; registerAgent('my agent', async () => ({}))`,
    /expected a name .* got "my agent"/,
  ],
  [
    'registers no function',
    'a.mjs',
    `import { registerAgent } from 'workflow-executor'; registerAgent('mine', {})`,
    /registerAgent\("mine"\): expected an async function, got object/,
  ],
])('a module that %s stops the start with a readable message', async (_, name, content, message) => {
  if (content !== null) await write(name, content);
  const loading = loadAgentsModule(join(directory, name), { loadTimeoutMs: 200 });
  await expect(loading).rejects.toThrow(/^AGENTS_MODULE: expected an ES module that calls registerAgent\(\), but /);
  await expect(loading).rejects.toThrow(message);
});

const typed = `import { registerAgent } from 'workflow-executor';
  type Input = Readonly<{ step: string }>;
  registerAgent('typed', async ({ step }: Input) => ({ success: true, data: { step } }));`;

test.each(['typed.ts', 'typed.mts'])('where Node strips types, %s is loaded as it is', async (name) => {
  await write(name, typed);
  expect(await loadAgentsModule(join(directory, name), { stripsTypes: true })).toContain('typed');
  expect(await registeredAgents().get('typed')!({ step: 'enrich' }, {} as never)).toMatchObject({
    data: { step: 'enrich' },
  });
});

test.each(['typed.ts', 'typed.mts'])(
  'where Node strips no types, %s stops the start and says what to do',
  async (name) => {
    await write(name, typed);
    await expect(loadAgentsModule(join(directory, name), { stripsTypes: false })).rejects.toThrow(
      /typed\.m?ts is TypeScript, of which Node [\d.]+ does not strip the types\. Run Node 22\.18 or newer, or compile the file/,
    );
  },
);

test('within these tests both names mean the sources', async () => {
  await write('here.mjs', example);
  await write('too.mjs', `import { registerAgent } from 'workflow-executor'; registerAgent('too', async () => ({}))`);
  expect(await loadAgentsModule(join(directory, 'here.mjs'))).toEqual(['typed', 'my_agent']);
  expect(await loadAgentsModule(join(directory, 'too.mjs'))).toEqual(['typed', 'my_agent', 'too']);
  expect([...registeredAgents().keys()]).toEqual(['typed', 'my_agent', 'too']);
});
