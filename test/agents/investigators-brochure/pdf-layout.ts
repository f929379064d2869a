/** Where a PDF's texts stand and where its bookmarks lead, as a viewer sees it. */
import { getDocument } from 'pdfjs-dist/legacy/build/pdf.mjs';

/** Points from the lower left corner of the page; `y` is the baseline. */
export type Placed = Readonly<{ page: number; text: string; x: number; y: number; width: number; height: number }>;
type Bookmark = Readonly<{ title: string; page: number; left: unknown; top: unknown; zoom: unknown }>;
export type Layout = Readonly<{ size: { width: number; height: number }; texts: Placed[]; bookmarks: Bookmark[] }>;

type OutlineItem = Readonly<{ title: string; dest: string | unknown[] | null; items: OutlineItem[] }>;
type TextItem = Readonly<{ str: string; transform: number[]; width: number; height: number }>;

export const readLayout = async (content: Uint8Array): Promise<Layout> => {
  const task = getDocument({ data: new Uint8Array(content), verbosity: 0 });
  const document = await task.promise;
  const texts: Placed[] = [];
  let size = { width: 0, height: 0 };
  for (let page = 1; page <= document.numPages; page += 1) {
    const shown = await document.getPage(page);
    const { width, height } = shown.getViewport({ scale: 1 });
    size = { width, height };
    for (const item of (await shown.getTextContent()).items as TextItem[]) {
      const [, slope, , , x = NaN, y = NaN] = item.transform ?? [];
      // The mark across the page is turned.
      if (slope === 0 && item.str.trim() !== '')
        texts.push({ page, text: item.str, x, y, width: item.width, height: item.height });
    }
  }
  const bookmarks: Bookmark[] = [];
  const read = async (items: readonly OutlineItem[]): Promise<void> => {
    for (const { title, dest, items: below } of items) {
      const place = typeof dest === 'string' ? await document.getDestination(dest) : dest;
      if (!place) throw new Error(`Bookmark "${title}" leads nowhere`);
      const [page, , left, top, zoom] = place as [Parameters<typeof document.getPageIndex>[0], ...unknown[]];
      bookmarks.push({ title, page: (await document.getPageIndex(page)) + 1, left, top, zoom });
      await read(below);
    }
  };
  await read(await document.getOutline());
  await task.destroy();
  return { size, texts, bookmarks };
};
