/** Makes bytes of a pdfmake definition, with the fonts that pdfmake brings and nothing from anywhere else. */
import { createRequire } from 'node:module';
import path from 'node:path';
import pdfmake from 'pdfmake';
import type { TDocumentDefinitions } from 'pdfmake/interfaces.js';

const fonts = path.join(
  path.dirname(createRequire(import.meta.url).resolve('pdfmake/package.json')),
  'fonts',
  'Roboto',
);
const font = (face: string): string => path.join(fonts, `Roboto-${face}.ttf`);

pdfmake.setFonts({
  Roboto: { normal: font('Regular'), bold: font('Medium'), italics: font('Italic'), bolditalics: font('MediumItalic') },
});
// A project's text must not make the server read a file or ask a host.
pdfmake.setUrlAccessPolicy(() => false);
pdfmake.setLocalAccessPolicy((file) => path.dirname(file) === fonts);

export const pdfFile = async (definition: TDocumentDefinitions): Promise<Buffer> =>
  Buffer.from(await pdfmake.createPdf(definition).getBuffer());
