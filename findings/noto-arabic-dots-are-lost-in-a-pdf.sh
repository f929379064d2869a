#!/usr/bin/env bash
# Noto Sans Arabic (@fontsource/noto-sans-arabic 5.3.0) draws a dotted letter as two glyphs, its shape and its dots. In a PDF
# made by pdfkit 0.18.0 the dots have no character of their own, and a reader of the text gets a control character behind
# each dotted letter: a search for the word in the finished document finds nothing, though the word looks right. DejaVu Sans, whose
# letters are whole glyphs, gives the letters alone; its Arabic is in the file that @fontsource/dejavu-sans 5.3.0 calls "latin".
# Seen (pdfjs-dist 5.4.624): the three dotted letters U+0628 U+064A U+062A come back with U+0005, U+0003 and U+0001 behind them.
# Here: DejaVu Sans stands before Noto Sans Arabic among the fonts of the brochure.
set -euo pipefail
dir="$(mktemp -d)"
trap 'rm -rf "$dir"' EXIT
cd "$dir"
npm init --yes >/dev/null
npm install --silent --no-audit --no-fund pdfkit@0.18.0 pdfjs-dist@5.4.624 \
  @fontsource/noto-sans-arabic@5.3.0 @fontsource/dejavu-sans@5.3.0
cat >probe.mjs <<'JS'
import PDFDocument from 'pdfkit';
import { getDocument } from 'pdfjs-dist/legacy/build/pdf.mjs';

const WORD = '\u0628\u064A\u062A';
const readBack = async (font) => {
  const document = new PDFDocument();
  const chunks = [];
  document.on('data', (chunk) => chunks.push(chunk));
  const ended = new Promise((resolve) => document.on('end', resolve));
  document.font(font).fontSize(20).text(WORD, 72, 72);
  document.end();
  await ended;
  const pdf = await getDocument({ data: new Uint8Array(Buffer.concat(chunks)), verbosity: 0 }).promise;
  const { items } = await (await pdf.getPage(1)).getTextContent();
  return items.map(({ str }) => str).join('');
};
const files = {
  noto: 'node_modules/@fontsource/noto-sans-arabic/files/noto-sans-arabic-arabic-400-normal.woff',
  dejavu: 'node_modules/@fontsource/dejavu-sans/files/dejavu-sans-latin-400-normal.woff',
};
for (const [name, file] of Object.entries(files)) {
  const text = await readBack(file);
  const codes = [...text].map((sign) => sign.codePointAt(0).toString(16).padStart(4, '0'));
  console.log(`${name}: ${codes.join(' ')} ${[...text].some((sign) => sign < ' ') ? 'with control characters' : 'letters only'}`);
}
JS
seen="$(timeout 60 node probe.mjs 2>/dev/null)"
printf '%s\n' "$seen"
grep -q '^noto: .* with control characters$' <<<"$seen" && grep -q '^dejavu: .* letters only$' <<<"$seen" ||
  { echo 'CHANGED: the text of one of the fonts reads back otherwise' >&2; exit 1; }
