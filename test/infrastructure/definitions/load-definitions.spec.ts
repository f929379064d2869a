import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { hashOf } from '../../../src/application/log/event-hash.js';
import type { Json } from '../../../src/domain/json.js';
import { loadDefinitions } from '../../../src/infrastructure/definitions/load-definitions.js';

let directory: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'definitions-'));
});
afterEach(() => rm(directory, { recursive: true, force: true }));

const put = (name: string, content: unknown) =>
  writeFile(join(directory, name), typeof content === 'string' ? content : JSON.stringify(content));

const step = (more: object = {}) => ({ name: 'one', agent: 'a', timeout_minutes: 1, ...more });
const definition = (...steps: unknown[]) => ({ name: 'x-generation', steps });

const problems = async (): Promise<string> => {
  const error: unknown = await loadDefinitions(directory).catch((thrown: unknown) => thrown);
  if (!(error instanceof Error)) throw new Error('Expected the definitions to be refused');
  return error.message.replaceAll(`${directory}/`, '');
};

const loadOne = async (content: unknown) => {
  await put('x.json', content);
  const [one, ...more] = (await loadDefinitions(directory)).all();
  expect(more).toEqual([]);
  return one!;
};

describe('a definition that is valid', () => {
  test('has every default written out', async () => {
    const { definition: loaded, hash } = await loadOne(definition(step()));
    expect(loaded).toEqual({
      name: 'x-generation',
      documentType: 'x',
      steps: [
        {
          name: 'one',
          agent: 'a',
          required: true,
          timeoutMs: 60_000,
          retry: { maximumAttempts: 4, initialIntervalMs: 1000, backoffCoefficient: 2, maximumIntervalMs: 100_000 },
          runningState: 'one_running',
          completedState: 'one_completed',
          weight: 1,
        },
      ],
    });
    expect(hash).toBe(hashOf(loaded as unknown as Json));
    expect(hash).toMatch(/^[0-9a-f]{64}$/);
  });

  test('may set every value itself', async () => {
    const { definition: loaded } = await loadOne({
      name: 'x',
      document_type: 'y',
      version: 3,
      description: 'd',
      steps: [
        step({
          required: false,
          timeout_minutes: 0.005,
          max_retries: 0,
          retry: { initial_interval_ms: 10, backoff_coefficient: 1, maximum_interval_ms: 10 },
          running_state: 'doing',
          completed_state: 'completed',
          weight: 0.5,
        }),
      ],
    });
    expect(loaded.documentType).toBe('y');
    expect(loaded.steps[0]).toEqual({
      name: 'one',
      agent: 'a',
      required: false,
      timeoutMs: 300,
      retry: { maximumAttempts: 1, initialIntervalMs: 10, backoffCoefficient: 1, maximumIntervalMs: 10 },
      runningState: 'doing',
      completedState: 'completed',
      weight: 0.5,
    });
  });

  test.each<[object, object]>([
    [{ timeout_minutes: 10_080 }, { timeoutMs: 604_800_000 }],
    [{ timeout_minutes: 10, heartbeat_timeout_seconds: 600 }, { heartbeatTimeoutMs: 600_000 }],
    [{ heartbeat_timeout_seconds: 1.5 }, { heartbeatTimeoutMs: 1_500 }],
    [{ timeout_minutes: 1 / 3 }, { timeoutMs: 20_000 }],
    [{ timeout_minutes: 1e-9 }, { timeoutMs: 1 }],
    [{ on_exhausted: 'pause' }, { onExhausted: 'pause' }],
    [{ max_retries: 20 }, { retry: { maximumAttempts: 21 } }],
    [{ retry_on_failure: false }, { retry: { maximumAttempts: 1 } }],
    [{ retry_on_failure: false, max_retries: 5 }, { retry: { maximumAttempts: 1 } }],
    [{ retry: { initial_interval_ms: 5000 } }, { retry: { initialIntervalMs: 5000, maximumIntervalMs: 500_000 } }],
    [{ retry: { initial_interval_ms: 86_400_000 } }, { retry: { maximumIntervalMs: 86_400_000 } }],
  ])('with %j means %j', async (more, expected) => {
    const { definition: loaded } = await loadOne(definition(step(more)));
    expect(loaded.steps[0]).toMatchObject(expected);
  });

  test.each([
    ['ib-generation', 'ib'],
    ['ib', 'ib'],
    ['a-generation-b', 'a-generation-b'],
  ])('of the name %s makes documents of type %s', async (name, documentType) => {
    expect((await loadOne({ name, steps: [step()] })).definition.documentType).toBe(documentType);
  });

  test('may relax the separation of duties by name; without it, its hash is what it was', async () => {
    const plain = await loadOne(definition(step()));
    expect(plain.definition).not.toHaveProperty('separationOfDuties');
    const none = await loadOne({ ...definition(step()), separation_of_duties: { relax: [] } });
    expect(none.hash).toBe(plain.hash);
    const [one, other] = [
      await loadOne({ ...definition(step()), separation_of_duties: { relax: ['author', 'audit_review'] } }),
      await loadOne({ ...definition(step()), separation_of_duties: { relax: ['audit_review', 'author'] } }),
    ];
    expect(one.definition.separationOfDuties).toEqual({ relax: ['audit_review', 'author'] });
    expect([one.hash, one.hash === plain.hash]).toEqual([other.hash, false]);
    await put('x.json', { ...definition(step()), separation_of_duties: { relax: ['start'] } });
    expect(await problems()).toMatch(/separation_of_duties\.relax\[0\]/);
  });

  test('has one hash, however the file is laid out, and another when its meaning changes', async () => {
    const first = await loadOne(definition(step()));
    const { name, agent, timeout_minutes } = step();
    const again = await loadOne(
      JSON.stringify({ steps: [{ timeout_minutes, agent, name, weight: 1 }], name: 'x-generation' }, null, 4),
    );
    const other = await loadOne(definition(step({ timeout_minutes: 2 })));
    expect(again.hash).toBe(first.hash);
    expect(other.hash).not.toBe(first.hash);
  });

  test('is found by its document type; the order is that of the file names', async () => {
    await put('b.json', definition(step()));
    await put('a.json', { name: 'z', steps: [step()] });
    await put('notes.txt', 'not read');
    const definitions = await loadDefinitions(directory);
    expect(definitions.all().map(({ definition: { name } }) => name)).toEqual(['z', 'x-generation']);
    expect(definitions.byDocumentType('x')?.definition.name).toBe('x-generation');
    expect(definitions.byDocumentType('nothing')).toBeUndefined();
    expect(definitions.byDocumentType('__proto__')).toBeUndefined();
  });
});

describe('a definition is refused', () => {
  const tooLong = 'x'.repeat(65);

  const cases: [unknown, string | RegExp][] = [
    ['{"name": ', /x\.json: expected JSON: /],
    ['[]', /x\.json: Invalid input: expected object, received array/],
    ['null', /x\.json: .*expected object, received null/],
    [{ steps: [step()] }, /x\.json: name: .*expected string, received undefined/],
    [{ name: 'x' }, /x\.json: steps: .*expected array, received undefined/],
    [{ ...definition(step()), stepz: [] }, /x\.json: .*"stepz"/],
    [{ ...definition(step()), name: '../x' }, /x\.json: name: Expected a letter.*got "\.\.\/x"/],
    [{ ...definition(step()), document_type: '' }, /x\.json: document_type: .*got ""/],
    [definition(), /x\.json: steps: .*>=1/],
    [definition(...Array.from({ length: 101 }, (_, n) => step({ name: `s${n}` }))), /x\.json: steps: .*<=100/],
    [definition(step({ timeout: 3 })), /x\.json: steps\[0\]: .*"timeout"/],
    [definition('enrich'), /x\.json: steps\[0\]: .*expected object, received string/],
    [definition(step({ name: undefined })), /steps\[0\]\.name: .*received undefined/],
    [definition(step({ name: 'One' })), /steps\[0\]\.name: Expected a lower-case letter.*got "One"/],
    [definition(step({ name: tooLong })), /steps\[0\]\.name: /],
    [definition(step({ agent: 'my agent' })), /steps\[0\]\.agent: .*got "my agent"/],
    [definition(step({ agent: undefined })), /steps\[0\]\.agent: /],
    [definition(step({ required: 'yes' })), /steps\[0\]\.required: .*expected boolean, received string, got "yes"/],
    [
      definition(step({ timeout_minutes: 0 })),
      'steps[0].timeout_minutes: Expected minutes above 0, at most 10080 (a week), got 0',
    ],
    [definition(step({ timeout_minutes: -1 })), /steps\[0\]\.timeout_minutes: .*above 0, .*got -1/],
    [
      definition(step({ timeout_minutes: 10_081 })),
      /steps\[0\]\.timeout_minutes: .*at most 10080 \(a week\), got 10081/,
    ],
    [
      definition(step({ timeout_minutes: '5' })),
      /steps\[0\]\.timeout_minutes: .*at most 10080 \(a week\), as a number, got "5"/,
    ],
    [
      definition(step({ timeout_minutes: undefined })),
      /steps\[0\]\.timeout_minutes: .*at most 10080 \(a week\), which is required$/m,
    ],
    [definition(step({ max_retries: 21 })), /steps\[0\]\.max_retries: .*<=20, got 21/],
    [definition(step({ max_retries: -1 })), /steps\[0\]\.max_retries: .*>=0, got -1/],
    [definition(step({ max_retries: 1.5 })), /steps\[0\]\.max_retries: .*int/],
    [definition(step({ on_exhausted: 'stop' })), /steps\[0\]\.on_exhausted: .*got "stop"/],
    [
      definition(step({ on_exhausted: 'pause', max_retries: 0 })),
      'steps[0].on_exhausted: Expected "pause" only for a required step with retries, got it with no retries',
    ],
    [
      definition(step({ on_exhausted: 'pause', retry_on_failure: false })),
      'steps[0].on_exhausted: Expected "pause" only for a required step with retries, got it with no retries',
    ],
    [
      definition(step({ on_exhausted: 'pause', required: false })),
      'steps[0].on_exhausted: Expected "pause" only for a required step with retries, got it with required: false',
    ],
    [definition(step({ heartbeat_timeout_seconds: 0.5 })), /steps\[0\]\.heartbeat_timeout_seconds: .*>=1, got 0\.5/],
    [definition(step({ heartbeat_timeout_seconds: '9' })), /steps\[0\]\.heartbeat_timeout_seconds: .*expected number/],
    [
      definition(step({ timeout_minutes: 2, heartbeat_timeout_seconds: 121 })),
      'steps[0].heartbeat_timeout_seconds: Expected at most timeout_minutes (120 s), got 121',
    ],
    [definition(step({ weight: 0 })), /steps\[0\]\.weight: .*>0, got 0/],
    [definition(step({ retry: { initial_interval_ms: 0 } })), /steps\[0\]\.retry\.initial_interval_ms: .*>=1/],
    [definition(step({ retry: { backoff_coefficient: 0.5 } })), /steps\[0\]\.retry\.backoff_coefficient: .*>=1/],
    [definition(step({ retry: { jitter: true } })), /steps\[0\]\.retry: .*"jitter"/],
    [
      definition(step({ retry: { maximum_interval_ms: 999 } })),
      'steps[0].retry.maximum_interval_ms: Expected at least initial_interval_ms (1000), got 999',
    ],
    [definition(step({ running_state: 'Doing' })), /steps\[0\]\.running_state: .*got "Doing"/],
    [
      definition(step(), step({ agent: 'b', running_state: 'r', completed_state: 'c' })),
      'steps[1].name: Expected a name of its own, got "one" as in steps[0]',
    ],
    [
      definition(step(), step({ name: 'two', running_state: 'one_completed' })),
      'steps[1].running_state: Expected a state of its own, got "one_completed", which is the completed_state of steps[0]',
    ],
    [
      definition(step({ running_state: 's', completed_state: 's' })),
      'steps[0].completed_state: Expected a state of its own, got "s", which is the running_state of steps[0]',
    ],
    ...['created', 'failed', 'paused', 'cancelled'].map((state): [unknown, string] => [
      definition(step({ completed_state: state })),
      `steps[0].completed_state: Expected a word that is not reserved, got "${state}"`,
    ]),
    [definition(step({ running_state: 'completed' })), 'steps[0].running_state: Expected a word that is not reserved'],
    [
      definition(step({ name: 'export' }), step()),
      'steps[0].completed_state: Expected a word that is not reserved, got "completed"; only the completed_state of the last step',
    ],
  ];

  test.each(cases.map(([content, message]) => [message, content] as const))('%s', async (message, content) => {
    await put('x.json', content);
    const told = await problems();
    if (typeof message === 'string') expect(told).toContain(`x.json: ${message}`);
    else expect(told).toMatch(message);
  });

  test('with all problems of all files at once, those of shape and those of rules', async () => {
    await put('a.json', definition(step({ timeout_minutes: 0 }), step({ weight: -1 })));
    await put('b.json', '{');
    await put('c.json', { name: 'c', steps: [step()] });
    await put('d.json', { name: 'c', steps: [step()] });
    const lines = (await problems()).split('\n').slice(1);
    expect(lines.map((line) => /^ {2}([a-z]\.json: [^:]*):/.exec(line)?.[1])).toEqual([
      'a.json: steps[0].timeout_minutes',
      'a.json: steps[1].weight',
      'a.json: steps[1].name',
      'b.json: expected JSON',
      'd.json: document_type',
      'd.json: name',
    ]);
  });

  test('for a document type that another file has, named or not', async () => {
    await put('a.json', definition(step()));
    await put('b.json', { name: 'other', document_type: 'x', steps: [step()] });
    expect(await problems()).toContain('b.json: document_type: expected one of its own, got "x" as in a.json');
  });

  test('when it is too large', async () => {
    await put('x.json', definition(step()));
    await expect(loadDefinitions(directory, { files: 10, fileBytes: 20 })).rejects.toThrow(/at most 20 bytes, got \d+/);
  });

  test('when there are too many', async () => {
    await put('a.json', definition(step()));
    await put('b.json', definition(step()));
    await expect(loadDefinitions(directory, { files: 1, fileBytes: 1000 })).rejects.toThrow(/at most 1 .* got 2/);
  });

  test('when it is a directory', async () => {
    await mkdir(join(directory, 'x.json'));
    expect(await problems()).toContain('x.json: expected a file');
  });

  test('when there is none', async () => {
    await expect(loadDefinitions(directory)).rejects.toThrow(/at least one \*\.json, got none\. Set DEFINITIONS_DIR/);
    await expect(loadDefinitions(join(directory, 'no'))).rejects.toThrow(/got ENOENT\. Set DEFINITIONS_DIR/);
  });
});

test("the shipped definition is the guide's, with the export", async () => {
  const shipped = await loadDefinitions(fileURLToPath(new URL('../../../definitions', import.meta.url)));
  const { definition: loaded } = shipped.byDocumentType('ib')!;
  expect(loaded.name).toBe('ib-generation');
  expect(
    loaded.steps.map(({ name, agent, required, timeoutMs, retry, runningState, completedState }) => [
      name,
      agent,
      required,
      timeoutMs / 60_000,
      retry.maximumAttempts,
      runningState,
      completedState,
    ]),
  ).toEqual([
    ['enrich', 'regdata', true, 10, 4, 'enriching', 'enriched'],
    ['compose', 'composer', true, 5, 4, 'composing', 'composed'],
    ['write', 'writer', true, 30, 4, 'writing', 'written'],
    ['validate', 'validator', true, 5, 1, 'validating', 'validated'],
    ['assemble', 'assembler', true, 5, 4, 'assembling', 'assembled'],
    ['export', 'export', true, 5, 4, 'exporting', 'completed'],
  ]);
  expect(loaded.steps.reduce((sum, { weight }) => sum + weight, 0)).toBe(100);
});
