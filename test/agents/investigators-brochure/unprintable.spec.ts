import type { BrochureDocument } from '../../../src/agents/investigators-brochure/document.js';
import { unprintableNotes } from '../../../src/agents/investigators-brochure/export/unprintable.js';

const withFacts = (...facts: (readonly [id: string, text: string])[]): BrochureDocument => ({
  ...({
    title: 'Brochure',
    product: 'Example',
    sponsor: null,
    edition: null,
    notes: [],
  } as unknown as BrochureDocument),
  sections: [
    {
      ...{ kind: 'section', number: '2', title: 'Summary' },
      blocks: facts.map(([id, text]) => ({
        kind: 'paragraph',
        spans: [{ text }, { text: `[1, ${id}]`, citation: true }],
      })),
    } as unknown as BrochureDocument['sections'][number],
  ],
});

test('characters that no font has are one line where they stand in the same facts', () => {
  expect(unprintableNotes(withFacts(['A-1', 'नम'], ['A-2', 'न ก'], ['A-3', 'plain']))).toEqual([
    'No font has the character U+0928 of fact A-1, fact A-2: the PDF shows its number.',
    'No font has the character U+092E of fact A-1: the PDF shows its number.',
    'No font has the character U+0E01 of fact A-2: the PDF shows its number.',
  ]);
  expect(unprintableNotes(withFacts(['A-1', 'नमह']))).toEqual([
    'No font has the characters U+0928, U+092E, U+0939 of fact A-1: the PDF shows their numbers.',
  ]);
});

test('of a text in a script that no font has ten characters are named, and the others counted', () => {
  const script = Array.from({ length: 40 }, (_, index) => String.fromCodePoint(0x0905 + index)).join('');
  const [note, ...others] = unprintableNotes(withFacts(['A-1', script]));
  expect(note).toMatch(/^No font has the characters U\+0905, (U\+\w+, ){8}U\+090E and 30 more of fact A-1: /);
  expect(others).toEqual([]);
});

test('every line names its fact, up to ten lines; the facts of the rest are counted', () => {
  const facts = Array.from({ length: 13 }, (_, index) => [`A-${index}`, String.fromCodePoint(0x0905 + index)] as const);
  const notes = unprintableNotes(withFacts(...facts));
  expect(notes).toHaveLength(11);
  expect(notes.at(-1)).toBe('No font has 3 more characters: the PDF shows their numbers.');
});
