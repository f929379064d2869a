/**
 * A PDF with its signatures on a page behind its own pages. The page is an update that is appended: the copy begins with the bytes
 * that were signed, so that a reader who cuts them off finds the hash that the page names.
 */
import { PDFDocument } from '@cantoo/pdf-lib';
import type { SignatureSheet } from '../../../application/audit/signed-copy.js';
import { reasonOf } from '../../../application/runtime/errors.js';
import { pdfFile } from '../../typesetting/pdf-file.js';
import { signaturePage } from './signature-page.js';

export type CopyOrder = Readonly<{ pdf: Uint8Array; sheet: SignatureSheet }>;

/** `unreadable`: why the bytes are no PDF that a page can be put behind. */
export type CopyMade = Readonly<{ content: Uint8Array }> | Readonly<{ unreadable: string }>;

export const signedCopy = async ({ pdf, sheet }: CopyOrder): Promise<CopyMade> => {
  const pages = await pdfFile(signaturePage(sheet));
  try {
    const document = await PDFDocument.load(pdf, { forIncrementalUpdate: true, updateMetadata: false });
    const added = await PDFDocument.load(pages);
    for (const page of await document.copyPages(added, added.getPageIndices())) document.addPage(page);
    const content = Buffer.from(await document.save());
    if (!content.subarray(0, pdf.byteLength).equals(pdf)) return { unreadable: 'its bytes would not stay as they are' };
    return { content };
  } catch (error) {
    return { unreadable: reasonOf(error) };
  }
};
