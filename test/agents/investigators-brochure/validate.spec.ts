import fc from 'fast-check';
import type { JsonObject } from '../../../src/domain/json.js';
import { BROCHURE } from '../../../src/agents/investigators-brochure/ich-e6.js';
import type { Outline, BlockOf, WrittenSection } from '../../../src/agents/investigators-brochure/document.js';
import { numbersIn, strayNumber } from '../../../src/agents/investigators-brochure/validate/blocks.js';
import { exampleProject, factsOf, refused, resultsBefore, run, sectionsOf, taken } from './pipeline.js';

let results: JsonObject;
beforeAll(async () => {
  results = await resultsBefore('validate', { custom_options: { include_appendices: true } });
});

const validated = (change: (sections: WrittenSection[]) => WrittenSection[] | void) => {
  const sections = sectionsOf(results);
  const changed = change(sections) ?? sections;
  return refused('validate', { ...results, sections: changed });
};

const sentenceOfFact = (sections: WrittenSection[], section: string, id: string) =>
  sections
    .find(({ key }) => key === section)!
    .blocks.filter((block): block is BlockOf<'paragraph'> => block.kind === 'paragraph')
    .flatMap(({ sentences }) => sentences)
    .find(({ facts }) => facts.includes(id))!;

test('the example is valid, and the report counts what was checked', async () => {
  const { data } = await run('validate', results);
  expect(data['validation_report']).toMatchObject({
    valid: true,
    facts_sha256: results['facts_sha256'],
    checked: { sections: 20, facts_cited: factsOf(results).length },
    sections_without_data: [],
  });
});

/** Every place of the written sections that holds text for the reader, with a way to replace it. */
const places = (sections: WrittenSection[]) =>
  sections.flatMap(({ key, blocks }) =>
    blocks.flatMap((block) => {
      const place = <T, K extends keyof T>(holder: T, name: K) => ({
        key,
        text: holder[name] as string,
        replace: (text: string) => void (holder[name] = text as T[K]),
      });
      if (block.kind === 'subheading') return [place(block, 'text')];
      if (block.kind === 'paragraph') return block.sentences.map((sentence) => place(sentence, 'text'));
      if (block.kind === 'fields') return block.rows.map((row) => place(row, 'value'));
      if (block.kind === 'generated') return [];
      return [
        place(block, 'caption'),
        ...block.columns.map((_, index) => place(block.columns, index)),
        ...block.rows.flatMap(({ cells }) => cells.map((_, index) => place(cells, index))),
      ];
    }),
  );

const NUMBER = /\d+(?:[.,]\d+)*/g;

test('property: any number that is changed, anywhere, is caught, and its section named', async () => {
  const numbers = places(sectionsOf(results)).flatMap(({ text }, place) =>
    [...text.matchAll(NUMBER)].map((match) => ({ place, index: match.index, number: match[0] })),
  );
  expect(numbers.length).toBeGreaterThan(200);
  const others = [...new Set(numbers.map(({ number }) => number))];
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...numbers),
      fc.oneof(fc.constantFrom(...others), fc.nat({ max: 99_999 }).map(String)),
      async ({ place, index, number }, other) => {
        fc.pre(Number(number.replaceAll(',', '')) !== Number(other.replaceAll(',', '')));
        const sections = sectionsOf(results);
        const { text, replace, key } = places(sections)[place]!;
        replace(text.slice(0, index) + other + text.slice(index + number.length));
        const error = await refused('validate', { ...results, sections });
        expect(error.type).toBe('validation');
        expect(error.message).toContain(key);
      },
    ),
    { numRuns: 150 },
  );
});

test('property: any required sections that are removed are named, all of them', async () => {
  const required = BROCHURE.filter((section) => section.required);
  await fc.assert(
    fc.asyncProperty(
      fc.subarray(
        required.map(({ key }) => key),
        { minLength: 1 },
      ),
      fc.boolean(),
      async (gone, outlined) => {
        const sections = sectionsOf(results).filter(({ key }) => !gone.includes(key));
        const outline = taken<Outline>(results, 'outline');
        if (!outlined) outline.sections = outline.sections.filter(({ key }) => !gone.includes(key));
        const error = await refused('validate', { ...results, sections, outline });
        expect(error).toMatchObject({ type: 'validation', code: 'SECTION_MISSING' });
        for (const { key, title } of required)
          expect(error.message.includes(`required section "${title}" (${key};`)).toBe(gone.includes(key));
      },
    ),
    { numRuns: 60 },
  );
});

test.each<[string, string, (sections: WrittenSection[]) => WrittenSection[] | void]>([
  [
    'a citation that leads nowhere',
    'citation_unresolved',
    (s) => void (sentenceOfFact(s, 'guidance', 'GU-01').facts = ['GU-99']),
  ],
  ['a number without citation', 'number_uncited', (s) => void (sentenceOfFact(s, 'guidance', 'GU-01').facts = [])],
  [
    'numbers that changed places',
    'number_wrong',
    (s) => {
      const sentence = sentenceOfFact(s, 'guidance', 'GU-10');
      sentence.text = sentence.text.replace('10%', 'X').replace('32%', '10%').replace('X', '32%');
    },
  ],
  [
    'another unit',
    'unit_wrong',
    (s) => {
      const sentence = sentenceOfFact(s, 'guidance', 'GU-10');
      sentence.text = sentence.text.replace('50\u00a0g', '50\u00a0mg');
    },
  ],
  [
    'a lost sign',
    'number_wrong',
    (s) => {
      const sentence = sentenceOfFact(s, 'humans.safety_efficacy', 'EF-04');
      sentence.text = sentence.text.replace('−42.9', '42.9');
    },
  ],
  [
    'a fact that is left out',
    'fact_not_cited',
    (s) => {
      const paragraphs = s.find(({ key }) => key === 'humans.marketing')!.blocks;
      for (const block of paragraphs)
        if (block.kind === 'paragraph')
          block.sentences = block.sentences.filter(({ facts }) => !facts.includes('MK-02'));
    },
  ],
  ['two sections in the wrong order', 'section_order', (s) => [...s.slice(0, 3), s[4]!, s[3]!, ...s.slice(5)]],
  ['a section twice', 'section_repeated', (s) => [...s, s.at(-1)!]],
  ['an empty section', 'section_empty', (s) => void (s[4]!.blocks = [])],
  ['a section of its own invention', 'section_unknown', (s) => [...s, { key: 'gossip', title: 'Gossip', blocks: [] }]],
  [
    'another number in a column title',
    'number_uncited',
    (s) => {
      for (const { blocks } of s)
        for (const block of blocks)
          if (block.kind === 'table') block.columns = block.columns.map((title) => title.replace('95% CI', '90% CI'));
    },
  ],
  [
    'a number in a heading',
    'number_uncited',
    (s) => void s.at(-4)!.blocks.push({ kind: 'subheading', text: 'Seven, or 7' }),
  ],
  [
    'another date on the title page',
    'wrong_field',
    (s) => {
      const [fields] = s[0]!.blocks;
      if (fields?.kind === 'fields') fields.rows.find(({ label }) => label === 'Release date')!.value = '2025-11-12';
    },
  ],
  ['another title', 'wrong_title', (s) => void (s[4]!.title = 'Preface')],
])('%s is refused', async (_, code, change) => {
  const error = await validated(change);
  expect(error.type).toBe('validation');
  expect(error.message).toContain(`${code}: `);
});

test('facts that changed since they were collected are refused', async () => {
  const facts = factsOf(results);
  facts[0]!.subject = 'Another subject';
  const error = await refused('validate', { ...results, facts });
  expect(error.message).toContain(`facts_changed: facts ${facts[0]!.id} are not what their hashes say`);
});

test('a product whose name holds a number may be named', async () => {
  const project = exampleProject();
  (project['product'] as Record<string, unknown>)['name'] = 'NX-1207 tablets';
  const before = await resultsBefore('validate', { project: project as unknown as JsonObject });
  expect((await run('validate', before)).data['validation_report']).toMatchObject({ valid: true });
});

/** Few numbers and few units, so that subjects, labels, values and units share them all the time. */
const number = fc.constantFrom('1', '2', '500', '0.5', '1,500', '−2');
const unit = fc.constantFrom('mg', 'g', 'h', '%', 'mg/kg', 'mL/min/1.73 m²', '×10⁹/L', 'day 1 equivalents');
const amount = fc.oneof(
  number,
  fc.tuple(number, number).map(([from, to]) => `${from} to ${to}`),
  fc.tuple(number, number).map(([mean, n]) => `${mean} (n = ${n})`),
  number.map((n) => `${n} or more`),
);
const words = (pattern: string) => number.map((n) => pattern.replace('#', n));
const subject = fc.oneof(
  ...['Day #', 'Cohort #', 'Tablets of # mg', '# g once', 'Dose', 'After # h', '#% of subjects', 'T# mg'].map(words),
);
const label = fc.option(fc.oneof(words('Day #'), words('# mg'), words('95% CI, # h'), fc.constant('Value')));
const drawnValue = fc.record({ value: amount, unit: fc.option(unit), label });
const drawnFact = fc.record({
  subject,
  topic: fc.option(words('Cohort #')),
  table: fc.option(words('Doses of # mg')),
  values: fc.array(drawnValue, { minLength: 1, maxLength: 3 }),
  told: fc.option(fc.array(words('after # mg'), { maxLength: 3 })),
});

/** A project of these facts; `told` are the words between the values of a statement. */
type Drawn = Readonly<{
  subject: string;
  topic: string | null;
  table: string | null;
  values: readonly Readonly<{ value: string; unit: string | null; label: string | null }>[];
  told: readonly string[] | null;
}>;
const projectOf = (facts: readonly Drawn[]): JsonObject => ({
  format: 'investigators-brochure/1',
  product: { name: '1' },
  sponsor: { name: 'Sponsor 500' },
  edition: { number: 1, release_date: '2025-11-11' },
  sources: [{ id: 's', title: 'T', publisher: 'P', identifier: 'I', date: '2025' }],
  facts: facts.map(({ told, values, ...fact }, index) => ({
    ...fact,
    id: `F-${index}`,
    source: 's',
    section: 'humans.pharmacokinetics',
    key: index === 0,
    values: values.map((value, at) => ({ ...value, name: `v${at}` })),
    statement: told && `${fact.subject} gave ${values.map((_, at) => `{v${at}} ${told[at] ?? 'and'}`).join(' ')}/kg.`,
  })),
});

describe('whatever numbers and units subjects, labels, statements and values share', () => {
  const drawn = fc.array(drawnFact, { minLength: 1, maxLength: 4 });

  test('property: what the writer makes of a project is valid', async () => {
    await fc.assert(
      fc.asyncProperty(drawn, async (facts) => {
        await run('validate', await resultsBefore('validate', { project: projectOf(facts) }));
      }),
      { numRuns: 80 },
    );
  });

  test('property: a value that is written with another unit, or without its unit, is refused', async () => {
    const other = fc.constantFrom('furlongs', 'mgs', '°C', null);
    await fc.assert(
      fc.asyncProperty(drawn, fc.nat(), other, async (facts, chosen, wrong) => {
        const before = await resultsBefore('validate', { project: projectOf(facts) });
        const measured = facts.flatMap(({ values }) => values.filter((value) => value.unit !== null));
        fc.pre(measured.length > 0);
        const changed = facts.map((fact) => ({
          ...fact,
          values: fact.values.map((value) =>
            value === measured[chosen % measured.length] ? { ...value, unit: wrong } : value,
          ),
        }));
        const written = await resultsBefore('validate', { project: projectOf(changed) });
        const error = await refused('validate', { ...before, sections: written['sections']! });
        expect(error).toMatchObject({ type: 'validation', code: 'DOCUMENT_INVALID' });
        expect(error.message).toMatch(/(unit|number)_wrong: humans\.pharmacokinetics/);
      }),
      { numRuns: 60 },
    );
  });

  test('property: a value with another number is refused', async () => {
    await fc.assert(
      fc.asyncProperty(drawn, fc.nat(), async (facts, chosen) => {
        const before = await resultsBefore('validate', { project: projectOf(facts) });
        const sections = sectionsOf(before);
        const cells = places(sections).filter(({ key, text }) => key === 'humans.pharmacokinetics' && /\d/.test(text));
        const { text, replace } = cells[chosen % cells.length]!;
        const numbers = [...text.matchAll(NUMBER)];
        const { index, 0: one } = numbers[chosen % numbers.length]!;
        replace(`${text.slice(0, index)}77${text.slice(index + one.length)}`);
        const error = await refused('validate', { ...before, sections });
        expect(error.message).toMatch(/number_wrong|number_uncited/);
      }),
      { numRuns: 60 },
    );
  });

  test.each([
    ['Day 1', '1', 'mg'],
    ['Cohort 2', '2', 'mg/kg'],
    ['Tablets of 500 mg', '500', 'g'],
  ])('a row about %j whose value is %s %s is valid', async (about, value, measure) => {
    const fact = {
      subject: about,
      topic: null,
      table: 'Doses',
      values: [{ value, unit: measure, label: null }],
      told: null,
    };
    const before = await resultsBefore('validate', { project: projectOf([fact]) });
    expect((await run('validate', before)).data['validation_report']).toMatchObject({ valid: true });
  });
});

describe('numbers', () => {
  test.each([
    ['50 to 60%', ['50', '60']],
    ['5–10 and 5-10', ['5', '10', '5', '10']],
    ['−1.4 and (-2)', ['-1.4', '-2']],
    ['1,500 mg', ['1500']],
    ['C4H11N5 · HCl', ['4', '11', '5']],
    ['1.73 m²', ['1.73', '²']],
    ['nothing', []],
  ])('in %j are %j', (text, numbers) => {
    expect(numbersIn(text)).toEqual(numbers);
  });

  test('are read from left to right, each once', () => {
    expect(strayNumber(['1', '2'], ['1', '5', '2'])).toBeUndefined();
    expect(strayNumber(['2', '1'], ['1', '2'])).toBe('1');
    expect(strayNumber(['1', '1'], ['1'])).toBe('1');
  });
});
