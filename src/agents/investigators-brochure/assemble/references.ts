import type { DocumentBlockOf } from '../document.js';
import type { Fact } from '../project/fact.js';
import type { WrittenSection } from '../sections.js';

export type References = Readonly<{
  /** `[3, PK-03; 4, PK-05]` */
  cite: (factIds: readonly string[]) => string;
  numberOf: (fact: Fact) => number;
  list: DocumentBlockOf<'references'>;
}>;

/** Sources get their numbers in the order in which the document first cites them. */
export const references = (facts: readonly Fact[], sections: readonly WrittenSection[]): References => {
  const byId = new Map(facts.map((fact) => [fact.id, fact]));
  const numbers = new Map<string, number>();
  for (const id of sections.flatMap(({ blocks }) => blocks.flatMap(citedIn))) {
    const source = byId.get(id)?.source.id;
    if (source !== undefined && !numbers.has(source)) numbers.set(source, numbers.size + 1);
  }
  const numberOf = ({ source }: Fact): number => numbers.get(source.id) ?? 0;
  const cite = (ids: readonly string[]): string => {
    const cited = ids.flatMap((id) => byId.get(id) ?? []);
    return cited.length === 0 ? '' : `[${cited.map((fact) => `${numberOf(fact)}, ${fact.id}`).join('; ')}]`;
  };
  const items = [...numbers].map(([sourceId, number]) => {
    const citing = facts.filter(({ source }) => source.id === sourceId);
    return { number, ...described(citing[0]!.source), cited_for: citing.map(withPlace).join(', ') };
  });
  return { cite, numberOf, list: { kind: 'references', items } };
};

const citedIn = (block: WrittenSection['blocks'][number]): string[] => {
  if (block.kind === 'paragraph') return block.sentences.flatMap(({ facts }) => facts);
  return block.kind === 'table' ? block.rows.flatMap(({ facts }) => facts) : [];
};

const described = ({
  title,
  publisher,
  identifier,
  date,
  url,
}: Fact['source']): { text: string; url: string | null } => ({
  text:
    [title, publisher, ...(identifier === null ? [] : [identifier]), date]
      .map((part) => part.replace(/\.$/, ''))
      .join('. ') + '.',
  url,
});

const withPlace = ({ id, source }: Fact): string => (source.locator === null ? id : `${id} (${source.locator})`);
