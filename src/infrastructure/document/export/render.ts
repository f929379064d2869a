import type { BrochureDocument } from '../document.js';
import type { Format } from '../outline.js';
import { docx } from './docx.js';
import { pdf } from './pdf.js';

/** The bytes of a document. Takes its thread for as long as it needs: about a second for 100 facts. */
export const render = (document: BrochureDocument, format: Format): Promise<Uint8Array> =>
  format === 'docx' ? docx(document) : pdf(document);
