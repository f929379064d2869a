/** `docx` draws ids by chance, or counts them on from one document to the next. Here they get numbers by their order. */

type Parts = Record<string, string>;

/** In this order, so that a relation has the number of its first use in the text. */
const FIRST = 'word/document.xml';

const PATTERNS: readonly (readonly [pattern: RegExp, prefix: string])[] = [
  [/(?<=")rId([a-z0-9_-]{21})(?=")/g, 'rIdLink'],
  [/(?<=")PowerPlusWaterMarkObject([a-z0-9_-]{21})(?=")/g, 'PowerPlusWaterMarkObject'],
  [/(?<=w:(?:name|anchor)="|PAGEREF )_Toc(\d+)\b/g, '_Toc'],
  [/(?<=<w:bookmark(?:Start|End)\b[^>]*\bw:id=")(\d+)(?=")/g, ''],
];

/** @param parts XML by path. The result depends on what the parts say, not on when or how often a document was made. */
export const withStableIds = (parts: Readonly<Parts>): Parts => {
  const paths = Object.keys(parts).sort((a, b) => Number(b === FIRST) - Number(a === FIRST) || (a < b ? -1 : 1));
  const stable: Parts = { ...parts };
  for (const [pattern, prefix] of PATTERNS) {
    const numbers = new Map<string, string>();
    for (const path of paths)
      stable[path] = (stable[path] ?? '').replace(pattern, (found) => {
        const number = numbers.get(found) ?? `${prefix}${numbers.size + 1}`;
        numbers.set(found, number);
        return number;
      });
  }
  return stable;
};
