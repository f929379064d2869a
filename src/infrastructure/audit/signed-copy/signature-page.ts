/** The page that shows signatures to people: printed name, date and time, meaning, and what was signed. */
import type { Content, TDocumentDefinitions } from 'pdfmake/interfaces.js';
import type { SignatureSheet } from '../../../application/audit/signed-copy.js';
import type { SignatureView } from '../../../application/audit/signatures.js';

const MEANT: Readonly<Record<SignatureView['meaning'], string>> = {
  author: 'Author: wrote it, or had it written',
  review: 'Review: has read it',
  approval: 'Approval: approves it',
  responsibility: 'Responsibility: answers for it',
};

/** What has become of it since; null where it stands. */
const standingOf = ({ withdrawn, stale }: Pick<SignatureView, 'withdrawn' | 'stale'>): string | null => {
  if (withdrawn) return `WITHDRAWN at ${withdrawn.at} by ${withdrawn.by.name ?? withdrawn.by.id}: ${withdrawn.reason}`;
  if (stale)
    return `STALE: ${stale.document} has other bytes since revision ${stale.revision} (SHA-256 ${stale.sha256})`;
  return null;
};

/** Each as a block of its own, which stands on one page. */
export const signatureBlocks = (signatures: readonly SignatureView[]): Content[] =>
  signatures.map((signature) => {
    const standing = standingOf(signature);
    const rows: [string, string][] = [
      ['Signed by', signature.printedName],
      ['Meaning', MEANT[signature.meaning]],
      ['Date and time (UTC)', signature.at],
      ['Reason', signature.reason ?? 'none given'],
      ['Account', `${signature.subject}, vouched for by ${signature.issuer}; signed in at ${signature.authTime}`],
      ['History signed', `through revision ${signature.throughRevision}, event hash ${signature.eventHash}`],
      ...signature.documents.map(({ name, sha256 }): [string, string] => [
        'Document signed',
        `${name}, SHA-256 ${sha256}`,
      ]),
      ['Signature id', signature.signatureId],
      ...(standing === null ? [] : [['Status', standing] as [string, string]]),
    ];
    return {
      margin: [0, 0, 0, 14],
      unbreakable: true,
      table: {
        widths: [110, '*'],
        body: rows.map(([label, words], index) => [
          { text: label, color: '#555555' },
          { text: words, bold: index === 0 || label === 'Status', fontSize: index === 0 ? 12 : 9 },
        ]),
      },
      layout: {
        hLineWidth: (line, { table: { body } }) => (line === 0 || line === body.length ? 0.8 : 0),
        vLineWidth: () => 0,
      },
    };
  });

export const signaturePage = ({ executionId, document, signatures }: SignatureSheet): TDocumentDefinitions => {
  const last = new Date(Math.max(...signatures.map(({ at, withdrawn }) => Date.parse(withdrawn?.at ?? at))));
  return {
    pageSize: 'A4',
    pageMargins: [56, 56, 56, 56],
    // Of what it shows, not of now: the same signatures make the same page.
    info: { title: `Signatures of ${document.name}`, creationDate: last, modDate: last },
    defaultStyle: { font: 'Roboto', fontSize: 9 },
    content: [
      { text: 'Electronic signatures', fontSize: 18, bold: true, margin: [0, 0, 0, 6] },
      {
        text:
          `Of ${document.name}, ${document.bytes} bytes, SHA-256 ${document.sha256}; execution ${executionId}. ` +
          `The document itself is the first ${document.bytes} bytes of this file, unchanged, and has that hash. ` +
          'The signatures are in the event log; the audit pack of the execution proves them.',
        margin: [0, 0, 0, 14],
      },
      ...signatureBlocks(signatures),
    ],
  };
};
