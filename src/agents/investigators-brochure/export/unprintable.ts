/** What the fonts of the PDF do not have, and where it stands. */
import { headingOf, type BrochureDocument, type DocumentBlock, type DocumentSection } from '../document.js';
import { unprintableIn } from '../../../infrastructure/typesetting/text-runs.js';

/** Of lines, of characters in a line and of places in a line; more are counted, not listed. */
const LISTED = 10;

const TITLE_PAGE = 'the title page';

type Say = (text: string, place: string) => void;

/** One line for all characters that stand in the same places, in the order in which the document has them. */
export const unprintableNotes = (document: BrochureDocument): string[] => {
  const places = new Map<number, Set<string>>();
  const say: Say = (text, place) => {
    for (const codePoint of unprintableIn(text)) places.set(codePoint, (places.get(codePoint) ?? new Set()).add(place));
  };
  for (const text of [
    document.title,
    document.product,
    document.sponsor ?? '',
    document.edition ?? '',
    ...document.notes,
  ])
    say(text, TITLE_PAGE);
  for (const section of document.sections) ofSection(section, say);
  const together = new Map<string, number[]>();
  for (const [codePoint, where] of places) {
    const at = enumerated([...where], 'more places');
    together.set(at, [...(together.get(at) ?? []), codePoint]);
  }
  const listed = [...together].slice(0, LISTED).map(([at, found]) => noteOf(found, at));
  const rest = [...together].slice(LISTED).flatMap(([, found]) => found);
  if (rest.length === 0) return listed;
  const more = rest.length === 1 ? '1 more character' : `${rest.length} more characters`;
  return [...listed, `No font has ${more}: the PDF shows ${numbersOf(rest)}.`];
};

const noteOf = (found: readonly number[], at: string): string =>
  `No font has the ${found.length === 1 ? 'character' : 'characters'} ${enumerated(found.map(nameOf), 'more')} of ${at}: ` +
  `the PDF shows ${numbersOf(found)}.`;

const numbersOf = ({ length }: readonly number[]): string => (length === 1 ? 'its number' : 'their numbers');

const nameOf = (codePoint: number): string => `U+${codePoint.toString(16).toUpperCase().padStart(4, '0')}`;

const enumerated = (all: readonly string[], more: string): string => {
  const shown = all.slice(0, LISTED).join(', ');
  return all.length > LISTED ? `${shown} and ${all.length - LISTED} ${more}` : shown;
};

const ofSection = (section: DocumentSection, say: Say): void => {
  const { kind, number, title } = section;
  const place =
    kind === 'title' ? TITLE_PAGE : number === null ? title : number.includes(' ') ? number : `section ${number}`;
  if (kind !== 'title') say(headingOf(section), place);
  for (const block of section.blocks) ofBlock(block, place, say);
};

/** `[3, PK-03; 4, PK-05]` cites the facts PK-03 and PK-05. */
const factsIn = (citation: string): string | null => {
  const ids = [...citation.matchAll(/\d+,\s([^;\]]+)/gu)].map(([, id]) => id);
  return ids.length === 0 ? null : `fact ${ids.join(', ')}`;
};

const ofBlock = (block: DocumentBlock, place: string, say: Say): void => {
  switch (block.kind) {
    case 'subheading':
      return say(block.text, place);
    case 'paragraph':
      return block.spans.forEach(({ text }, index) => {
        const citation = block.spans.slice(index).find((span) => span.citation);
        say(text, (citation && factsIn(citation.text)) ?? place);
      });
    case 'fields':
      return block.rows.forEach(({ label, value }) => say(`${label} ${value}`, place));
    case 'table':
      for (const text of [block.caption, ...block.columns]) say(text, `Table ${block.number}`);
      return block.rows.forEach((row) => {
        for (const text of row) say(text, factsIn(row.at(-1) ?? '') ?? `Table ${block.number}`);
      });
    case 'references':
      return block.items.forEach(({ number, text, url, cited_for }) =>
        say(`${text} ${url} ${cited_for}`, `reference ${number}`),
      );
    case 'contents':
      return;
  }
};
