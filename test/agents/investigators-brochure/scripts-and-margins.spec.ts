import { strFromU8, unzipSync } from 'fflate';
import type { JsonObject } from '../../../src/domain/json.js';
import { headingOf, type BrochureDocument } from '../../../src/agents/investigators-brochure/document.js';
import { printableDocument, runsOf } from '../../../src/infrastructure/typesetting/text-runs.js';
import { render } from '../../../src/agents/investigators-brochure/export/render.js';
import { docxPart, docxText } from './docx-text.js';
import { readLayout, type Layout, type Placed } from './pdf-layout.js';
import { factsOf, refused, resultsBefore, run, taken } from './pipeline.js';

/** Layout takes seconds on a busy machine. */
const LONG = 120_000;
const WORD = 'Pneumonoultramicroscopicsilicovolcanoconiosis'.repeat(4);
const ADDRESS = `https://example.org/${'a'.repeat(180)}/index.html?x=${'b'.repeat(120)}`;

/** What each fact says, by its id. */
const SAID: Readonly<Record<string, string>> = {
  ARROWS: 'Doses ← → ↑ ↓ ⇒ ↔, relations ≤ ≥ ≠ ≈ ± ∞ √ ∑ and marks ✓ ☐ ■ ℞.',
  NUMBERS: 'Doses of 1\u202f500 mg and 2\u2009000 mg at 25\u2103 or 77\u2109, ½ ⅓ ⅔ ⅛, H₂O, xₐ, 10⁻⁹, № 5, 5‰.',
  LETTERS: 'Décomposé e\u0301 a\u0308 n\u0303 z\u0307 x\u0304 and composed é ä ñ ż.',
  LATIN: 'Zażółć gęślą jaźń, Việt Nam, ğış, ǆ, ə, Þórr.',
  GREEK: 'Greek αβγδ Ωμέγα and ἄνθρωπος, Cyrillic Привет and Ґанок.',
  HEBREW: 'The label says "שלום עולם (גרסה 2)" of 25 mg מטפורמין twice.',
  ARABIC: 'The label says يجب حفظ الدواء في درجة حرارة لا تزيد عن 25 درجة مئوية، here.',
  CHINESE: 'The label says 二甲双胍是一种用于治疗2型糖尿病的药物，常见不良反应包括恶心。',
  JAPANESE: 'The label says メトホルミンは2型糖尿病の治療に用いられる薬です。直接。',
  KOREAN: 'The label says 메트포르민은 제2형 당뇨병 치료제입니다.',
  NOFONT: 'A bird 𓅀 and then more words.',
  LONGWORD: `A word ${WORD} and an address ${ADDRESS} here.`,
};

const fact = (id: string, rest: JsonObject = {}): JsonObject => ({
  id,
  section: 'introduction',
  subject: `About ${id}`,
  values: [],
  source: 'long',
  ...rest,
});

const project: JsonObject = {
  format: 'investigators-brochure/1',
  notice: `Notice 温度 ≥ 8 ℃ שלום ${WORD}`,
  product: {
    name: `NX → ${WORD.slice(0, 100)}`,
    research_code: 'NX→1',
    chemical_name: WORD.slice(0, 150),
    trade_names: ['Ελλάδα', '日本', '한국어'],
  },
  sponsor: { name: 'Société → שרון', address: WORD, fictitious: true },
  edition: { number: 1, release_date: '2025-11-11' },
  sources: [
    { id: 'long', title: `Title ${WORD}`, publisher: '出版社 — العربية', identifier: WORD, url: ADDRESS, date: '2025' },
  ],
  facts: [
    ...Object.entries(SAID).map(([id, statement]) => fact(id, { statement, key: id === 'ARROWS' })),
    ...['Day 1 → דגימה', `Cohort ${WORD.slice(0, 100)}`, 'Plain'].map((subject, index) =>
      fact(`TABLE-ROW-WITH-LONG-ID-${index}`, {
        section: 'humans.pharmacokinetics',
        subject,
        topic: `Topic 温度 → ${WORD.slice(0, 80)}`,
        table: `Caption 字 → ${WORD.slice(0, 100)}`,
        values: [
          { name: 'a', value: '1\u202f500', unit: 'µg/mL', label: `Día → ${WORD.slice(0, 40)}` },
          { name: 'b', value: '≥ 25', unit: '℃', label: 'العربية' },
        ],
      }),
    ),
  ],
};

/** Spaces are where lines break, and a font has one glyph for letters that look the same. */
const squeezed = (text: string): string => text.normalize('NFKC').replace(/[\s\u200b]+/g, '');

let results: JsonObject;
let document: BrochureDocument;
let pdf: Layout;
let warnings: readonly string[];
let docx: Uint8Array;
let pdfBytes: Buffer;

beforeAll(async () => {
  const metadata = { project, custom_options: { include_appendices: true } };
  results = await resultsBefore('export', metadata);
  document = taken<BrochureDocument>(results, 'document');
  const exported = await run('export', { document });
  warnings = exported.metadata?.['warnings'] as string[];
  const [word, portable] = (exported.artifacts ?? []).map(({ content_base64 }) =>
    Buffer.from(content_base64, 'base64'),
  );
  docx = word!;
  pdfBytes = portable!;
  pdf = await readLayout(pdfBytes);
}, LONG);

describe('the PDF', () => {
  test('keeps every text within the margins of its page', () => {
    const { width, height } = pdf.size;
    const out = pdf.texts.filter(({ x, y, width: w }) => x < 61.5 || x + w > width - 61.5 || y < 30 || y > height - 30);
    expect(out).toEqual([]);
  });

  test('prints nothing over anything else', () => {
    const lines = new Map<string, Placed[]>();
    for (const text of pdf.texts) {
      const line = `${text.page} ${Math.round(text.y)}`;
      lines.set(line, [...(lines.get(line) ?? []), text]);
    }
    const over = [...lines.values()].flatMap((line) => {
      const sorted = [...line].sort((a, b) => a.x - b.x);
      return sorted.slice(1).filter((text, index) => sorted[index]!.x + sorted[index]!.width > text.x + 0.5);
    });
    expect(over).toEqual([]);
  });

  test('holds every fact in its words, in composed letters, in its order', () => {
    const text = squeezed(pdf.texts.map((placed) => placed.text).join(' '));
    const absent = Object.entries(SAID)
      .filter(([id]) => !['HEBREW', 'ARABIC', 'NOFONT'].includes(id))
      .filter(([, said]) => !text.includes(squeezed(said)));
    expect(absent).toEqual([]);
    expect(pdf.texts.map((placed) => placed.text).join('')).not.toMatch(/\ufffd/);
  });

  test.each([
    ['HEBREW', ['שלום', 'עולם', 'גרסה', 'מטפורמין']],
    ['ARABIC', ['يجب', 'حفظ', 'الدواء', 'درجة', 'مئوية']],
  ])('holds every word of %s', (_, words) => {
    for (const word of words) expect(pdf.texts.filter(({ text }) => text.includes(word))).not.toEqual([]);
  });

  test('writes Hebrew and Arabic from right to left', () => {
    const label = pdf.texts.findIndex(({ text }) => text.includes('Arrows') || text.includes('Doses ←'));
    const placeOf = (word: string): Placed => {
      const found = pdf.texts.find(({ text }, index) => index > label && text.includes(word));
      if (!found) throw new Error(`Expected ${word} in the PDF`);
      return found;
    };
    const pairs = ['שלום עולם', 'עולם גרסה', 'يجب حفظ', 'حفظ الدواء'].map((words) => words.split(' ').map(placeOf));
    const sameLine = pairs.filter(([first, second]) => first!.page === second!.page && first!.y === second!.y);
    expect(sameLine.length).toBeGreaterThan(2);
    for (const [first, second] of sameLine) expect(first!.x).toBeGreaterThan(second!.x);
  });

  test('shows the number of a character that no font has, and names it with its fact there and in the metadata of the step', () => {
    expect(warnings).toEqual(['No font has the character U+13140 of fact NOFONT: the PDF shows its number.']);
    const text = squeezed(pdf.texts.map((placed) => placed.text).join(' '));
    expect(text).toContain(squeezed('A bird [U+13140] and then more words.'));
    expect(
      squeezed(
        pdf.texts
          .filter(({ page }) => page === 1)
          .map((placed) => placed.text)
          .join(' '),
      ),
    ).toContain(squeezed(warnings[0]!));
  });

  test('has bookmarks that lead to their headings and leave the zoom alone', () => {
    expect(pdf.bookmarks.map(({ title }) => title)).toEqual(
      document.sections.filter(({ kind }) => kind !== 'title').map(headingOf),
    );
    for (const { title, page, left, top, zoom } of pdf.bookmarks) {
      expect(left).toBeCloseTo(62, 1);
      expect(zoom).toBeNull();
      const words = title.replace(/^(Appendix \w|[\d.]+) /, '').slice(0, 20);
      const heading = pdf.texts.find(
        (text) => text.page === page && text.height > 11 && text.y < (top as number) && text.y > (top as number) - 22,
      );
      expect(`${title}: ${heading?.text}`).toContain(words.split(' ')[0]);
      expect(heading).toBeDefined();
    }
  });

  test('breaks citations only between what they cite', () => {
    const ids = factsOf(results).map(({ id }) => id);
    const text = pdf.texts.map((placed) => placed.text);
    for (const id of ids) expect(text.filter((one) => one.includes(id))).not.toEqual([]);
  });

  test(
    'has the same bytes each time',
    async () => {
      expect(pdfBytes.equals((await render(document, 'pdf')).content)).toBe(true);
    },
    LONG,
  );
});

describe('the DOCX', () => {
  const styles = () => docxPart(docx, 'word/styles.xml');
  const style = (id: string): string => new RegExp(`<w:style [^>]*w:styleId="${id}".*?</w:style>`).exec(styles())![0];
  const body = () => docxPart(docx, 'word/document.xml');

  test('has headings that navigation and bookmarks know', () => {
    expect(style('Heading1')).toContain('<w:outlineLvl w:val="0"/>');
    expect(style('Heading2')).toContain('<w:outlineLvl w:val="1"/>');
  });

  test('says of every line height that it is of the line, so that wrapped headings do not overlap', () => {
    const heights = [...(styles() + body()).matchAll(/<w:spacing [^>]*w:line="[^>]*>/g)].map(([tag]) => tag);
    expect(heights.length).toBeGreaterThan(4);
    expect(heights.filter((tag) => !tag.includes('w:lineRule="auto"'))).toEqual([]);
  });

  test('has captions of one weight', () => {
    expect(style('Caption')).toContain('<w:b/>');
    const captions = body()
      .split('</w:p>')
      .filter((paragraph) => paragraph.includes('w:val="Caption"'));
    expect(captions).toHaveLength(document.tables.length);
    for (const caption of captions) expect(caption).not.toContain('<w:b/>');
  });

  test('holds every fact in its words, in composed letters', () => {
    const text = squeezed(docxText(docx));
    for (const said of Object.values(SAID)) expect(text).toContain(squeezed(said));
    expect(docxText(docx)).toBe(docxText(docx).normalize('NFC'));
  });

  test('says which runs are read from right to left, and whose Chinese characters they hold', () => {
    const runs = [...body().matchAll(/<w:r>(?:<w:rPr>(.*?)<\/w:rPr>)?(?:<w:t[^>]*>([^<]*)<\/w:t>)?/g)];
    for (const [, properties = '', text = ''] of runs) {
      expect(`${text} ${properties.includes('<w:rtl/>')}`).toBe(`${text} ${/[\u05d0-\u05ea\u0620-\u064a]/.test(text)}`);
      if (/[ぁ-ヶ]/.test(text)) expect(properties).toContain('w:eastAsia="Yu Gothic"');
      if (/[가-힣]/.test(text)) expect(properties).toContain('w:eastAsia="Malgun Gothic"');
    }
  });

  test('breaks citations only between what they cite', () => {
    const citations = body()
      .split('</w:r>')
      .filter((one) => one.includes('w:val="Citation"'))
      .map((one) => [...one.matchAll(/<w:t[^>]*>([^<]*)/g)].map(([, text]) => text).join(''));
    expect(citations.length).toBeGreaterThan(5);
    for (const citation of citations) expect(citation).not.toMatch(/[^;] |-/);
  });
});

describe('what is no text never reaches a file', () => {
  const WRONG = ['\u0007', '\u0085', '\u2028', '\ufdd0', '\ufffe', '\u{1ffff}', '\ud800'];

  test.each(WRONG.map((text) => JSON.stringify(text)))('%s in a project is refused', async (text) => {
    const said = { ...project, notice: `Notice ${JSON.parse(text) as string}.` };
    expect(await refused('enrich', {}, { project: said })).toMatchObject({ code: 'PROJECT_INVALID' });
  });

  test('and is taken out of what another agent leaves', () => {
    const title = `A${WRONG.join('')}e\u0301Z`;
    expect(printableDocument({ ...document, title }).title).toBe('AéZ');
  });

  test('the parts of the DOCX are XML', () => {
    for (const [path, content] of Object.entries(unzipSync(docx)))
      if (/\.(xml|rels)$/.test(path))
        expect(strFromU8(content)).not.toMatch(/(?![\t\n\r])[\p{Cc}\p{Surrogate}\p{Noncharacter_Code_Point}]/u);
  });
});

describe('runs', () => {
  const told = (text: string) => runsOf([text])[0]!.map(({ text: piece, font, level }) => [piece, font.name, level]);

  test.each<[string, unknown[]]>([
    ['plain, with a dash –', [['plain, with a dash –', 'Roboto', 0]]],
    [
      'a → b',
      [
        ['a ', 'Roboto', 0],
        ['→ ', expect.stringContaining('dejavu'), 0],
        ['b', 'Roboto', 0],
      ],
    ],
    ['soft\u00adhyphen\ufe0f', [['softhyphen', 'Roboto', 0]]],
    ['x\u0304', [['x\u0304', expect.stringContaining('dejavu'), 0]]],
    ['骨', [['骨', expect.stringContaining('noto-sans-sc'), 0]]],
    [
      '骨の',
      [
        ['骨', expect.stringContaining('noto-sans-jp'), 0],
        ['の', expect.stringContaining('noto-sans-jp'), 0],
      ],
    ],
    ['𓅀', [['[U+13140]', 'Roboto', 0]]],
    [
      'אב 12',
      [
        ['אב ', expect.stringContaining('hebrew'), 1],
        ['12', 'Roboto', 2],
      ],
    ],
  ])('of %j are %j', (text, runs) => {
    expect(told(text)).toEqual(runs);
  });
});
