import type { BrochureDocument } from '../document.js';
import type { Format } from '../outline.js';
import { docx } from './docx.js';
import { pdf } from './pdf.js';
import { printableDocument } from '../../../infrastructure/typesetting/printable.js';
import type { Rendered } from './rendered.js';

/** The bytes of a document. Takes its thread for as long as it needs: about a second for 100 facts. */
export const render = async (given: BrochureDocument, format: Format): Promise<Rendered> => {
  const document = printableDocument(given);
  return format === 'docx' ? { content: await docx(document), warnings: [] } : pdf(document);
};
