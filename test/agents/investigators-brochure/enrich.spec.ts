import { mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { JsonObject } from '../../../src/domain/json.js';
import { documentAgents } from '../../../src/agents/investigators-brochure/index.js';
import { factHash, factsHash } from '../../../src/agents/investigators-brochure/project/fact.js';
import { PROJECT_FILE_BYTES } from '../../../src/agents/investigators-brochure/enrich.js';
import { exampleProject, examples, factsOf, input, refused, run } from './pipeline.js';

const inline = (change: (project: ReturnType<typeof exampleProject>) => void): JsonObject => {
  const project = exampleProject();
  change(project);
  return { project: project as unknown as JsonObject };
};

describe('the example project', () => {
  test('has at least 40 facts for every section, each with a source, a date and its hash', async () => {
    const { data } = await run('enrich', {});
    const facts = factsOf(data);
    expect(facts.length).toBeGreaterThanOrEqual(40);
    for (const fact of facts) {
      expect(fact.source.identifier ?? fact.source.url).toBeTruthy();
      expect(fact.source.date).toMatch(/^\d{4}/);
      expect(fact.sha256).toBe(factHash(fact));
    }
    expect(data['facts_sha256']).toBe(factsHash(facts));
    expect(new Set(facts.map(({ section }) => section))).toEqual(
      new Set([
        'introduction',
        'properties.substance',
        'properties.formulation',
        'nonclinical.pharmacology',
        'nonclinical.pharmacokinetics',
        'nonclinical.toxicology',
        'humans.pharmacokinetics',
        'humans.safety_efficacy',
        'humans.marketing',
        'guidance',
      ]),
    );
  });

  test('gives the same data each time, and the same from a file and inline', async () => {
    const fromFile = (await run('enrich', {})).data;
    expect((await run('enrich', {})).data).toEqual(fromFile);
    const fromMetadata = (
      await run(
        'enrich',
        {},
        inline(() => undefined),
      )
    ).data;
    expect(fromMetadata['facts']).toEqual(fromFile['facts']);
    expect(fromMetadata['project']).toMatchObject({ origin: 'metadata', found: true });
  });
});

test('a hash is of the content: a changed value changes it, another order of keys does not', async () => {
  const [first] = factsOf((await run('enrich', {})).data);
  const reordered = Object.fromEntries(Object.entries(first!).reverse()) as typeof first;
  expect(factHash(reordered!)).toBe(first!.sha256);
  expect(factHash({ ...first!, subject: 'Another' })).not.toBe(first!.sha256);
});

test('a project whose file is elsewhere is found there, and all others where projects are', async () => {
  const otherDirs = new Map([['mine', await mkdtemp(join(tmpdir(), 'mine-'))]]);
  const context = { projectsDir: examples, otherDirs, now: () => new Date('2026-01-01T00:00:00Z') };
  await writeFile(join(otherDirs.get('mine')!, 'mine.json'), JSON.stringify(exampleProject()));
  try {
    for (const project_id of ['mine', 'metformin'])
      expect(await documentAgents.enrich(input('enrich', {}, {}, project_id), context)).toMatchObject({
        success: true,
      });
    const unknown = await documentAgents.enrich(input('enrich', {}, {}, 'other'), context);
    expect(unknown).toMatchObject({
      success: false,
      error: { message: expect.stringContaining(`${examples}/other.json`) },
    });
  } finally {
    await rm(otherDirs.get('mine')!, { recursive: true });
  }
});

describe('a project that would give a brochure without data', () => {
  const allowed = { custom_options: { allow_empty: true } };

  test('that is unknown is a validation error that says where projects are looked for', async () => {
    const error = await refused('enrich', {}, {}, 'my-project-uuid');
    expect(error).toMatchObject({ type: 'validation', code: 'PROJECT_NOT_FOUND' });
    for (const said of ['metadata.project', `${examples}/my-project-uuid.json`, 'PROJECTS_DIR', 'allow_empty'])
      expect(error.message).toContain(said);
  });

  test('that is unknown gets a draft, with a warning, where allow_empty asks for one', async () => {
    const { data, metadata } = await run('enrich', {}, allowed, 'my-project-uuid');
    expect(data).toMatchObject({ facts: [], project: { id: 'my-project-uuid', found: false, product: null } });
    expect(metadata?.['warnings']).toEqual([expect.stringContaining('my-project-uuid.json')]);
  });

  test.each<[string, (project: ReturnType<typeof exampleProject>) => void, string]>([
    ['a sponsor', (p) => delete p['sponsor'], 'metadata.project lacks sponsor.name.'],
    ['an edition and its date', (p) => delete p['edition'], 'lacks edition.number, edition.release_date.'],
    ['facts', (p) => (p.facts = []), 'metadata.project lacks facts.'],
    [
      'all of them',
      (p) => Object.assign(p, { sponsor: null, edition: null, facts: [] }),
      'lacks sponsor.name, edition.number, edition.release_date, facts.',
    ],
  ])('that lacks %s is a validation error that names them, unless allow_empty is true', async (_, change, message) => {
    const error = await refused('enrich', {}, inline(change));
    expect(error).toMatchObject({ type: 'validation', code: 'PROJECT_INCOMPLETE' });
    expect(error.message).toContain(message);
    const { metadata } = await run('enrich', {}, { ...inline(change), ...allowed });
    expect(metadata?.['warnings']).toEqual([expect.stringContaining(message)]);
  });

  test.each([
    ['a date', (p: ReturnType<typeof exampleProject>) => (p['edition'] = { number: 1 }), 'edition.release_date'],
    ['a name', (p: ReturnType<typeof exampleProject>) => (p['sponsor'] = { address: 'x' }), 'sponsor.name'],
  ])('whose edition or sponsor lacks %s is a validation error that names it', async (_, change, path) => {
    expect((await refused('enrich', {}, inline(change))).message).toContain(path);
  });

  test.each(['true', 1, null])('allow_empty %j is no yes', async (allow_empty) => {
    const error = await refused('enrich', {}, { custom_options: { allow_empty } }, 'my-project-uuid');
    expect(error).toMatchObject({ type: 'validation', code: 'INVALID_INPUT' });
    expect(error.message).toContain('custom_options.allow_empty');
  });
});

describe('a project that is malformed', () => {
  test.each<[string, (project: ReturnType<typeof exampleProject>) => void, string]>([
    [
      'a wrong type',
      (p) => (p.facts[3]!['subject'] = 7),
      'facts[3].subject: Invalid input: expected string, received number',
    ],
    ['an unknown section', (p) => (p.facts[0]!['section'] = 'chapter'), 'facts[0].section: expected one of summary'],
    ['an unknown source', (p) => (p.facts[1]!['source'] = 'hearsay'), 'facts[1].source: "hearsay" is not in sources'],
    ['a doubled id', (p) => (p.facts[2]!['id'] = 'IN-01'), 'facts[2].id: "IN-01" is there twice'],
    ['an unknown property', (p) => (p.facts[0]!['colour'] = 'red'), 'facts[0]: Unrecognized key: "colour"'],
    ['no date', (p) => (p.sources[0]!['date'] = 'recently'), 'sources[0].date: expected a date'],
    [
      'no identifier and no url',
      (p) => (p.sources[0] = { id: 'label', title: 'T', publisher: 'P', date: '2018' }),
      'sources[0]: expected an identifier or a url',
    ],
    [
      'a script as url',
      (p) => (p.sources[0]!['url'] = 'javascript:alert(1)'),
      'sources[0].url: expected an http or https URL',
    ],
    ['a line break', (p) => (p.facts[0]!['subject'] = 'a\nb'), 'facts[0].subject: expected no control characters'],
    [
      'a placeholder without value',
      (p) => (p.facts[0]!['statement'] = '{nothing}'),
      'facts[0].statement: {nothing} is none of its values',
    ],
    [
      'a value that is not used',
      (p) => (p.facts[0]!['values'] = [{ name: 'x', value: 1 }]),
      'facts[0].values[0]: "x" is neither in the statement',
    ],
    ['no format', (p) => delete p['format'], 'format: Invalid input'],
  ])('with %s is a validation error that names the path and the rule', async (_, change, message) => {
    const error = await refused('enrich', {}, inline(change));
    expect(error).toMatchObject({ type: 'validation', code: 'PROJECT_INVALID' });
    expect(error.message).toContain('metadata.project is not a project');
    expect(error.message).toContain(message);
  });
});

describe('project files', () => {
  let directory: string;
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'projects-'));
  });
  afterEach(() => rm(directory, { recursive: true, force: true }));

  const enrich = (project: string) =>
    documentAgents.enrich(input('enrich', {}, {}, project), { projectsDir: directory, now: () => new Date(0) });

  test.each([
    ['not JSON', Buffer.from('{'), 'PROJECT_INVALID', 'p.json is not JSON'],
    [
      'a rounded number',
      Buffer.from('{"facts": [{"value": 9007199254740993}]}'),
      'PROJECT_INVALID',
      'p.json: expected numbers that a double holds, got 9007199254740993 at facts.0.value',
    ],
    ['not UTF-8', Buffer.from([0xff, 0xfe]), 'PROJECT_INVALID', 'p.json is not UTF-8'],
    ['not a project', Buffer.from('{}'), 'PROJECT_INVALID', 'p.json is not a project'],
    [
      'too large',
      Buffer.alloc(PROJECT_FILE_BYTES + 1, ' '),
      'PROJECT_TOO_LARGE',
      `at most ${PROJECT_FILE_BYTES} bytes`,
    ],
  ])('%s: refused by name', async (_, content, code, message) => {
    await writeFile(join(directory, 'p.json'), content);
    expect(await enrich('p')).toMatchObject({
      success: false,
      error: { type: 'validation', code, message: expect.stringContaining(message) },
    });
  });

  test('a link out of the directory is not followed', async () => {
    const elsewhere = await mkdtemp(join(tmpdir(), 'elsewhere-'));
    try {
      await writeFile(join(elsewhere, 'secret.json'), JSON.stringify(exampleProject()));
      await symlink(join(elsewhere, 'secret.json'), join(directory, 'p.json'));
      expect(await enrich('p')).toMatchObject({ success: false, error: { code: 'PROJECT_INVALID' } });
    } finally {
      await rm(elsewhere, { recursive: true, force: true });
    }
  });

  test.each(['..', '.', 'a:b@c'])('project %s has no file and is not found', async (project) => {
    expect(await enrich(project)).toMatchObject({ success: false, error: { code: 'PROJECT_NOT_FOUND' } });
  });

  test.each(['../secret', 'a/b', 'a\\b', '', 'a\u0000'])('project %j is refused at the door', async (project) => {
    expect(await enrich(project)).toMatchObject({
      success: false,
      error: { type: 'validation', code: 'INVALID_INPUT', message: expect.stringContaining('project_id') },
    });
  });
});
