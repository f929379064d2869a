import type { Fact } from '../project/fact.js';
import {
  joined,
  plainPiece,
  quantitiesPhrase,
  quantityPhrase,
  sentencePhrase,
  type Phrase,
  textOf,
} from '../project/phrases.js';
import type { Block, BlockOf } from '../sections.js';
import { numbersIn, strayNumber } from './numbers.js';
import type { Problem, ProblemCode } from './problem.js';
import { strayUnit } from './units.js';

export type Checked = {
  problems: Problem[];
  cited: Set<string>;
  sentences: number;
  uncitedSentences: number;
  rows: number;
  numbers: number;
};

type Scope = Readonly<{
  section: string;
  facts: ReadonlyMap<string, Fact>;
  /** Names that may hold digits of their own. */
  names: readonly string[];
  /** What a sentence without citation may take numbers from. */
  given: string;
  /** What subheadings may take numbers from. */
  headings: readonly string[];
}>;

const CELL = ' | ';
const QUOTED = 80;
const quote = (text: string): string => JSON.stringify(text.length > QUOTED ? `${text.slice(0, QUOTED)}…` : text);

/** Does every citation resolve, and does every number stand, in its place and with its unit, in a fact cited beside it? */
export const checkBlock = (block: Block, scope: Scope, checked: Checked): void => {
  const say = (code: ProblemCode, message: string) => checked.problems.push({ code, section: scope.section, message });
  const bare = (text: string) =>
    scope.names.reduce((rest, name) => rest.replaceAll(name, ' '.repeat(name.length)), text);

  /** @returns the facts that resolve */
  const resolve = (ids: readonly string[], where: string): Fact[] =>
    ids.flatMap((id) => {
      checked.cited.add(id);
      const fact = scope.facts.get(id);
      if (!fact)
        say('citation_unresolved', `${scope.section}: ${where} cites "${id}", which is no fact of the project`);
      return fact ?? [];
    });

  const compare = (text: string, allowed: Phrase, cited: readonly Fact[]): void => {
    const found = numbersIn(bare(text));
    checked.numbers += found.length;
    const stray = strayNumber(found, numbersIn(bare(textOf(allowed))));
    const ids = cited.map(({ id }) => id).join(', ');
    if (stray !== undefined && cited.length === 0)
      say('number_uncited', `${scope.section}: ${stray} in ${quote(text)} is not cited`);
    else if (stray !== undefined)
      say('number_wrong', `${scope.section}: ${stray} in ${quote(text)} does not stand there in ${ids}`);
    if (stray !== undefined) return;
    const unit = strayUnit(text, allowed, bare);
    if (unit !== undefined) say('unit_wrong', `${scope.section}: ${unit} in ${quote(text)}, citing ${ids}`);
  };

  const checkTable = ({ caption, columns, rows }: BlockOf<'table'>): void => {
    const cited = rows.map(({ cells, facts: ids }) => ({ cells, facts: resolve(ids, quote(cells.join(' | '))) }));
    const all = cited.flatMap(({ facts }) => facts);
    const byLabel = all.every(({ values }) => values.every(({ label }) => label !== null && columns.includes(label)));
    compare(caption, [plainPiece(all[0]?.table ?? '')], []);
    const titles = byLabel ? (all[0]?.values.map(({ label }) => label).join(' | ') ?? '') : '';
    compare(columns.join(' | '), [plainPiece(titles)], []);
    for (const { cells, facts } of cited) {
      checked.rows += 1;
      const values = (fact: Fact) => (byLabel ? fact.values.map(quantityPhrase) : [quantitiesPhrase(fact)]);
      const row = facts.flatMap((fact) => [[plainPiece(fact.subject)], ...values(fact)]);
      compare(cells.join(CELL), joined(row, CELL), facts);
    }
  };

  switch (block.kind) {
    case 'paragraph':
      for (const { text, facts: ids } of block.sentences) {
        const facts = resolve(ids, quote(text));
        checked.sentences += 1;
        if (ids.length === 0) checked.uncitedSentences += 1;
        compare(text, ids.length === 0 ? [plainPiece(scope.given)] : joined(facts.map(sentencePhrase), ' '), facts);
      }
      return;
    case 'table':
      return checkTable(block);
    case 'subheading':
      return compare(block.text, [plainPiece(scope.headings.find((heading) => heading === block.text) ?? '')], []);
    case 'fields':
    case 'generated':
      return;
  }
};
