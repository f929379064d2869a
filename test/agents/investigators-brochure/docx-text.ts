import { strFromU8, unzipSync } from 'fflate';

export const docxPart = (content: Uint8Array, path: string): string => {
  const part = unzipSync(content)[path];
  if (!part) throw new Error(`The DOCX has no ${path}`);
  return strFromU8(part);
};

const unescaped = (xml: string): string =>
  xml.replace(
    /&(lt|gt|quot|apos|amp);/g,
    (_, name: string) => ({ lt: '<', gt: '>', quot: '"', apos: "'", amp: '&' })[name] ?? '',
  );

/** The text of a part: one line for each paragraph. */
export const docxText = (content: Uint8Array, path = 'word/document.xml'): string =>
  docxPart(content, path)
    .split('</w:p>')
    .map((paragraph) =>
      [...paragraph.matchAll(/<w:t(?: [^>]*)?>([^<]*)<|<w:(tab|br|noBreakHyphen)\/>/g)]
        .map(([, t, space]) => t ?? (space === 'noBreakHyphen' ? '-' : space ? ' ' : ''))
        .join(''),
    )
    .map(unescaped)
    .join('\n');
