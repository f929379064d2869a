import { BROCHURE } from '../../../src/agents/investigators-brochure/ich-e6.js';
import type { BrochureDocument, Outline } from '../../../src/agents/investigators-brochure/document.js';
import { factsOf, refused, resultsBefore, run, sectionsOf, taken, type Step } from './pipeline.js';

describe('compose', () => {
  const composed = async (metadata = {}) => {
    const result = await run('compose', await resultsBefore('compose'), metadata);
    return { outline: taken<Outline>(result.data, 'outline'), warnings: result.metadata?.['warnings'] };
  };

  test('lays out the sections of ICH E6 in their order, with the clauses of both revisions', async () => {
    const { outline } = await composed();
    expect(outline.sections.map(({ key, e6r3, e6r2 }) => [key, e6r3, e6r2])).toEqual([
      ['title_page', 'A.2.1', '7.2.1'],
      ['confidentiality_statement', 'A.2.2', '7.2.2'],
      ['table_of_contents', 'A.3.1', '7.3.1'],
      ['summary', 'A.3.2', '7.3.2'],
      ['introduction', 'A.3.3', '7.3.3'],
      ['properties', 'A.3.4', '7.3.4'],
      ['properties.substance', 'A.3.4', '7.3.4'],
      ['properties.formulation', 'A.3.4', '7.3.4'],
      ['nonclinical', 'A.3.5', '7.3.5'],
      ['nonclinical.pharmacology', 'A.3.5(a)', '7.3.5(a)'],
      ['nonclinical.pharmacokinetics', 'A.3.5(b)', '7.3.5(b)'],
      ['nonclinical.toxicology', 'A.3.5(c)', '7.3.5(c)'],
      ['humans', 'A.3.6', '7.3.6'],
      ['humans.pharmacokinetics', 'A.3.6(a)', '7.3.6(a)'],
      ['humans.safety_efficacy', 'A.3.6(b)', '7.3.6(b)'],
      ['humans.marketing', 'A.3.6(c)', '7.3.6(c)'],
      ['guidance', 'A.3.7', '7.3.7'],
      ['references', 'A.3', '7.3'],
    ]);
  });

  test('has appendices where they are asked for', async () => {
    const { outline } = await composed({ custom_options: { include_appendices: true } });
    expect(outline.sections.slice(-2).map(({ key }) => key)).toEqual(['appendix.facts', 'appendix.clauses']);
  });

  test.each([
    [{}, ['docx', 'pdf'], 0],
    [{ language: 'en', format: 'pdf' }, ['pdf'], 0],
    [{ language: 'en-GB', format: 'docx' }, ['docx'], 0],
    [{ format: 'both' }, ['docx', 'pdf'], 0],
    [{ format: 'odt' }, ['docx', 'pdf'], 1],
    [{ language: 'de', format: 'odt' }, ['docx', 'pdf'], 2],
  ])('preferences %j give %j', async (user_preferences, formats, count) => {
    const { outline, warnings } = await composed({ user_preferences });
    expect(outline.formats).toEqual(formats);
    expect(warnings).toHaveLength(count);
  });

  test('preferences of a wrong type are a validation error that names them', async () => {
    const error = await refused('compose', await resultsBefore('compose'), { user_preferences: { format: 7 } });
    expect(error).toMatchObject({ type: 'validation', message: expect.stringContaining('user_preferences.format') });
  });
});

describe('write', () => {
  test('cites every fact in its own section, and key facts in the summary too', async () => {
    const results = await resultsBefore('validate');
    const cited = new Map(
      sectionsOf(results).map(({ key, blocks }) => [
        key,
        blocks.flatMap((block) =>
          block.kind === 'paragraph'
            ? block.sentences.flatMap(({ facts }) => facts)
            : block.kind === 'table'
              ? block.rows.flatMap(({ facts }) => facts)
              : [],
        ),
      ]),
    );
    for (const { id, section, key } of factsOf(results)) {
      expect(cited.get(section)).toContain(id);
      expect(cited.get('summary')!.includes(id)).toBe(key);
    }
  });

  test('says "No data available" where a section has no facts', async () => {
    const project = { format: 'investigators-brochure/1', product: { name: 'Nothing' } };
    const results = await resultsBefore('validate', { project, custom_options: { allow_empty: true } });
    const bodies = new Set(BROCHURE.filter(({ kind }) => kind === 'body').map(({ key }) => key));
    for (const { key, blocks } of sectionsOf(results))
      if (bodies.has(key))
        expect(blocks).toEqual([{ kind: 'paragraph', sentences: [{ text: 'No data available.', facts: [] }] }]);
  });

  test('puts facts whose values have the same labels into columns', async () => {
    const results = await resultsBefore('validate');
    const section = sectionsOf(results).find(({ key }) => key === 'humans.safety_efficacy');
    expect(section?.blocks).toContainEqual(
      expect.objectContaining({
        caption: 'Mean change from baseline after 29 weeks in adults with type 2 diabetes',
        columns: ['Parameter', 'Metformin', 'Placebo'],
        rows: expect.arrayContaining([
          { cells: ['Fasting plasma glucose', '−53.0\u00a0mg/dL', '6.3\u00a0mg/dL'], facts: ['EF-02'] },
        ]),
      }),
    );
  });
});

describe('assemble', () => {
  test('numbers sections, tables and references by their order', async () => {
    const metadata = { custom_options: { include_appendices: true } };
    const document = taken<BrochureDocument>(await resultsBefore('export', metadata), 'document');
    expect(document.sections.map(({ number }) => number)).toEqual(
      [
        null,
        null,
        '1',
        '2',
        '3',
        '4',
        '4.1',
        '4.2',
        '5',
        '5.1',
        '5.2',
        '5.3',
        '6',
        '6.1',
        '6.2',
        '6.3',
        '7',
        '8',
      ].concat(['Appendix A', 'Appendix B']),
    );
    expect(document.tables.map(({ number }) => number)).toEqual(document.tables.map((_, index) => index + 1));
    const blocks = document.sections.flatMap((section) => section.blocks);
    const cited = blocks.flatMap((block) =>
      block.kind === 'paragraph' ? block.spans.filter(({ citation }) => citation).map(({ text }) => text) : [],
    );
    const firstUses = [...new Set(cited.map((text) => Number(/^\[(\d+), /.exec(text)?.[1])))];
    expect(firstUses[0]).toBe(1);
    const references = blocks.flatMap((block) => (block.kind === 'references' ? block.items : []));
    expect(references.map(({ number }) => number)).toEqual(references.map((_, index) => index + 1));
    expect(references[0]?.cited_for).toContain('IN-01 (section 11)');
  });

  test('takes only what was validated', async () => {
    const results = await resultsBefore('assemble');
    const sections = sectionsOf(results);
    sections[1]!.blocks.push({ kind: 'subheading', text: 'Added later' });
    expect(await refused('assemble', { ...results, sections })).toMatchObject({
      type: 'validation',
      code: 'SECTIONS_CHANGED',
    });
  });
});

test.each<[Step, string, string]>([
  ['compose', 'facts', 'enrich'],
  ['compose', 'project', 'enrich'],
  ['write', 'outline', 'compose'],
  ['validate', 'sections', 'write'],
  ['assemble', 'validation_report', 'validate'],
  ['export', 'document', 'assemble'],
])('%s without "%s" is a validation error that names it and step "%s"', async (step, key, from) => {
  const { [key]: _missing, ...results } = await resultsBefore(step);
  const error = await refused(step, results);
  expect(error).toMatchObject({ type: 'validation', code: 'STEP_RESULT_MISSING' });
  expect(error.message).toContain(`"${key}" (of step "${from}")`);
});
