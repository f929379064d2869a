import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const [head = '', ...entries] = readFileSync('docs/glossary.md', 'utf8').split(/^(?=- )/m);
const lines = entries.map((entry) => entry.trimEnd());

/** `- **word** (`NameInCode`): meaning.` */
const ENTRY = /^- \*\*([^*]+)\*\*(?: \(([^()]+)\))?: \S.*\.$/;
const partsOf = (line: string) => (ENTRY.exec(line) ?? []).slice(1).map((part = '') => part.toLowerCase());

/** By the word, then by what stands behind it in parentheses. */
function alphabetically([word = '', detail = '']: readonly string[], [next = '', nextDetail = '']: readonly string[]) {
  return word.localeCompare(next, 'en') || detail.localeCompare(nextDetail, 'en');
}

describe('docs/glossary.md', () => {
  it('has one line for each word', () => {
    expect(head).toMatch(/^# Glossary\n/);
    expect(lines.length).toBeGreaterThan(100);
    expect(lines.filter((line) => !ENTRY.test(line))).toEqual([]);
    expect(lines.filter((line) => line.length > 150)).toEqual([]);
  });

  it('is in the order of the alphabet, each word once', () => {
    const words = lines.map(partsOf);
    expect(words).toEqual([...words].sort(alphabetically));
    expect(new Set(words.map(String)).size).toBe(words.length);
  });

  it('gives names that the sources have', () => {
    const sources = readdirSync('src', { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.ts'));
    const known = new Set(sources.flatMap((name) => readFileSync(join('src', name), 'utf8').match(/\w+/g) ?? []));
    const names = lines.flatMap((line) =>
      [...(ENTRY.exec(line)?.[2] ?? '').matchAll(/`(\w+)`/g)].map(([, name = '']) => name),
    );
    expect(names.length).toBeGreaterThan(20);
    expect(names.filter((name) => !known.has(name))).toEqual([]);
  });

  it('refers to words that it has', () => {
    const words = new Set(lines.map((line) => ENTRY.exec(line)?.[1]));
    const referredTo = lines.flatMap((line) => [...line.matchAll(/see _([^_]+)_/g)].map(([, word]) => word));
    expect(referredTo.filter((word) => !words.has(word))).toEqual([]);
  });
});
