import { createHash } from 'node:crypto';
import { headingOf, type BrochureDocument } from '../../../src/agents/investigators-brochure/document.js';
import { fileName } from '../../../src/agents/investigators-brochure/export.js';
import { quantities, sentenceOf } from '../../../src/agents/investigators-brochure/project/fact.js';
import { docxPart, docxText } from './docx-text.js';
import { readPdf, type ReadPdf } from './pdf-text.js';
import { factsOf, refused, resultsBefore, run, taken } from './pipeline.js';

type File = Readonly<{ name: string; content_type: string; content_base64: string }>;
type Exported = Readonly<{ data: Record<string, unknown>; artifacts?: readonly File[] }>;

const contentOf = ({ artifacts = [] }: Exported, ending: string): Uint8Array => {
  const file = artifacts.find(({ name }) => name.endsWith(ending));
  if (!file) throw new Error(`Expected a file *${ending} among ${artifacts.map(({ name }) => name).join(', ')}`);
  return new Uint8Array(Buffer.from(file.content_base64, 'base64'));
};

/** Lines break where they like, and a font has one glyph for both letters mu: only the characters are compared. */
const squeezed = (text: string): string => text.normalize('NFKC').replace(/\s+/g, '');

/** Layout takes seconds on a busy machine. */
const LONG = 120_000;

describe('the files of the example project', () => {
  let results: Awaited<ReturnType<typeof resultsBefore>>;
  let document: BrochureDocument;
  let exported: Exported;
  let pdf: ReadPdf;
  const texts: Record<string, string> = {};

  beforeAll(async () => {
    results = await resultsBefore('export', { custom_options: { include_appendices: true } });
    document = taken<BrochureDocument>(results, 'document');
    exported = await run('export', results);
    pdf = await readPdf(contentOf(exported, '.pdf'));
    texts['pdf'] = squeezed(pdf.pages.join(' '));
    texts['docx'] = squeezed(docxText(contentOf(exported, '.docx')));
  }, LONG);

  describe.each(['pdf', 'docx'])('%s', (format) => {
    const text = () => texts[format]!;

    test('holds every section title with its number and its clauses', () => {
      const absent = document.sections
        .filter(({ kind }) => kind !== 'title')
        .flatMap((section) => [headingOf(section), section.clauses])
        .filter((title) => !text().includes(squeezed(title)));
      expect(absent).toEqual([]);
      expect(text()).toContain(squeezed(document.title));
    });

    test('holds every cited fact: its words or its values, and its citation', () => {
      const facts = factsOf(results);
      expect(facts.length).toBeGreaterThanOrEqual(40);
      const absent = facts.filter((fact) => {
        const said = [
          ...(fact.statement === null ? [] : [sentenceOf(fact)]),
          ...(fact.table === null
            ? []
            : fact.values.every(({ label }) => label === null)
              ? [quantities(fact)]
              : fact.values.map(({ value }) => value)),
          ...(fact.table === null ? [] : [fact.subject]),
        ];
        return (
          !said.every((words) => text().includes(squeezed(words))) || !new RegExp(`\\d,${fact.id}\\]`).test(text())
        );
      });
      expect(absent.map(({ id }) => id)).toEqual([]);
    });

    test('names every source', () => {
      const absent = factsOf(results).filter(({ source }) => !text().includes(squeezed(source.title)));
      expect(absent.map(({ source }) => source.id)).toEqual([]);
    });

    test('says that it is an example, that its sponsor is fictitious, and that it is a draft', () => {
      for (const said of ['Example document.', 'The sponsor named on this page is fictitious.', 'DRAFT · CONFIDENTIAL'])
        expect(text()).toContain(squeezed(said));
    });
  });

  test('every page of the PDF has a number and the draft mark, and all but the first the running header', () => {
    for (const [index, page] of pdf.pages.entries()) {
      expect(page).toContain(`Page ${index + 1} of ${pdf.pages.length}`);
      expect(page).toContain('DRAFT of 2025-11-11');
      if (index > 0) expect(page).toContain('Metformin hydrochloride · Investigator’s Brochure · Edition 1');
    }
  });

  test('the bookmarks of the PDF are its headings', () => {
    expect(pdf.outline).toEqual(document.sections.filter(({ kind }) => kind !== 'title').map(headingOf));
  });

  test('the contents of the PDF name the page on which each section begins', () => {
    const contents = squeezed(pdf.pages[2]!);
    for (const section of document.sections.filter(({ level, number }) => level === 1 && number !== null)) {
      const heading = squeezed(headingOf(section));
      const page = pdf.pages.findIndex((text, index) => index > 2 && squeezed(text).includes(`${heading}ICHE6`)) + 1;
      expect(contents).toContain(`${squeezed(section.title)}${page > 0 ? page : 3}`);
    }
  });

  test('the DOCX has headings, contents with page numbers, header rows, page numbers and the draft mark', () => {
    const docx = contentOf(exported, '.docx');
    const body = docxPart(docx, 'word/document.xml');
    expect(body).toMatch(/TOC \\h \\o (&quot;|")1-2/);
    expect(docxText(docx)).toMatch(/5\.3 Toxicology \d+/);
    expect(docxText(docx)).toMatch(/Table 1\. Identity and physicochemical properties \d+/);
    expect(body.match(/<w:tblHeader\/>/g)).toHaveLength(document.tables.length);
    expect(body.match(/w:val="Heading1"/g)?.length).toBe(
      document.sections.filter(({ level, kind }) => level === 1 && kind !== 'title').length,
    );
    const headers = ['word/header1.xml', 'word/header2.xml'].map((path) => docxPart(docx, path));
    for (const header of headers) expect(header).toContain('string="DRAFT"');
    expect(headers.join('')).toContain('Metformin hydrochloride · Investigator’s Brochure · Edition 1');
    expect(docxPart(docx, 'word/footer1.xml')).toContain('NUMPAGES');
  });

  test('data says what was written', () => {
    expect(exported.data['documents']).toEqual(
      ['docx', 'pdf'].map((format) => {
        const content = contentOf(exported, `.${format}`);
        return {
          name: `metformin-investigators-brochure.${format}`,
          content_type:
            format === 'pdf'
              ? 'application/pdf'
              : 'application/vnd.openxmlformats-officedocument.wordprocessingml.document',
          sha256: createHash('sha256').update(content).digest('hex'),
          bytes: content.length,
        };
      }),
    );
  });

  test(
    'exporting again gives the same bytes, and they carry the time at which the facts were collected',
    async () => {
      expect((await run('export', results)).artifacts).toEqual(exported.artifacts);
      expect(pdf.info['CreationDate']).toBe('D:20251111180000Z');
      expect(docxPart(contentOf(exported, '.docx'), 'docProps/core.xml')).toContain(
        '>2025-11-11T18:00:00Z</dcterms:created>',
      );
    },
    LONG,
  );
});

test(
  'a draft without data, where it is asked for, says so on its title page and in each section',
  async () => {
    const metadata = {
      user_preferences: { language: 'en', format: 'pdf' },
      custom_options: { include_appendices: true, allow_empty: true },
    };
    const results = await resultsBefore('export', metadata, 'my-project-uuid');
    const exported = await run('export', results, metadata, 'my-project-uuid');
    expect(exported.artifacts?.map(({ name }) => name)).toEqual(['my-project-uuid-investigators-brochure.pdf']);
    const { pages } = await readPdf(contentOf(exported, '.pdf'));
    expect(pages[0]).toContain('No project data was found for project “my-project-uuid”.');
    for (const { kind, title } of taken<BrochureDocument>(results, 'document').sections) {
      const page = pages.find((text, index) => index > 2 && text.includes(title));
      if (kind === 'body') expect(page).toContain('No data available.');
    }
  },
  LONG,
);

describe('a document of another shape is refused, with its path', () => {
  type Change = (document: BrochureDocument) => unknown;
  test.each<[string, Change, string]>([
    ['a property is missing', (d) => delete (d as Partial<BrochureDocument>).title, 'title: Invalid input'],
    ['a section twice', (d) => d.sections.push(d.sections[0]!), 'sections: expected each key once'],
    [
      'a table that is listed and not there',
      (d) => d.tables.push({ number: 99, caption: 'x' }),
      'tables: expected the tables',
    ],
    ['a row too short', (d) => shortenRow(d), 'expected as many widths'],
    ['an address that is none', (d) => replaceUrl(d, 'file:///etc/passwd'), 'url: expected an http or https URL'],
    ['a control character', (d) => (d.notes = ['\u0007']), 'notes[0]: expected no control characters'],
  ])('%s', async (_, change, message) => {
    const results = await resultsBefore('export');
    const document = taken<BrochureDocument>(results, 'document');
    change(document);
    const error = await refused('export', { document });
    expect(error).toMatchObject({ type: 'validation', code: 'STEP_RESULT_INVALID' });
    expect(error.message).toContain('"document" (of step "assemble")');
    expect(error.message).toContain(message);
  });
});

const blocksOf = (document: BrochureDocument) => document.sections.flatMap(({ blocks }) => blocks);
const shortenRow = (document: BrochureDocument): void => {
  for (const block of blocksOf(document)) if (block.kind === 'table') block.rows[0]!.pop();
};
const replaceUrl = (document: BrochureDocument, url: string): void => {
  for (const block of blocksOf(document)) if (block.kind === 'references') block.items[0]!.url = url;
};

test.each([
  ['metformin', 'metformin-investigators-brochure.pdf'],
  ['team:a@b', 'team-a-b-investigators-brochure.pdf'],
  ['..', 'project-investigators-brochure.pdf'],
  ['-x-', 'x-investigators-brochure.pdf'],
  ['a'.repeat(128), `${'a'.repeat(80)}-investigators-brochure.pdf`],
])('project %s is exported as %s', (project, name) => {
  expect(fileName(project, 'pdf')).toBe(name);
});
