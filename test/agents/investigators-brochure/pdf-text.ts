import { getDocument } from 'pdfjs-dist/legacy/build/pdf.mjs';

export type ReadPdf = Readonly<{ pages: string[]; outline: string[]; info: Record<string, unknown> }>;

type OutlineItem = Readonly<{ title: string; items: OutlineItem[] }>;

export const readPdf = async (content: Uint8Array): Promise<ReadPdf> => {
  const task = getDocument({ data: new Uint8Array(content), verbosity: 0 });
  const document = await task.promise;
  const pages: string[] = [];
  for (let number = 1; number <= document.numPages; number += 1) {
    const { items } = await (await document.getPage(number)).getTextContent();
    pages.push(items.map((item) => ('str' in item ? `${item.str}${item.hasEOL ? ' ' : ''}` : '')).join(''));
  }
  const outline = ((await document.getOutline()) ?? []) as OutlineItem[];
  const { info } = await document.getMetadata();
  await task.destroy();
  const titles = (items: readonly OutlineItem[]): string[] =>
    items.flatMap(({ title, items: below }) => [title, ...titles(below)]);
  return { pages, outline: titles(outline), info: info as Record<string, unknown> };
};
