import type { StyleDictionary } from 'pdfmake/interfaces.js';
import { hex, STYLE } from './style.js';

export const pdfStyles: StyleDictionary = {
  mark: { fontSize: STYLE.small + 1, bold: true, color: hex(STYLE.alert), margin: [0, 40, 0, 36] },
  title: { fontSize: STYLE.title, bold: true, color: hex(STYLE.heading), lineHeight: 1.1 },
  product: { fontSize: STYLE.product, color: hex(STYLE.quiet), margin: [0, 4, 0, 6] },
  heading1: { fontSize: STYLE.heading1, bold: true, color: hex(STYLE.heading), lineHeight: 1.15 },
  heading2: {
    fontSize: STYLE.heading2,
    bold: true,
    color: hex(STYLE.heading),
    margin: [0, 14, 0, 0],
    lineHeight: 1.15,
  },
  subheading: { fontSize: STYLE.subheading, bold: true, margin: [0, 6, 0, 2] },
  clauses: { fontSize: STYLE.small, color: hex(STYLE.quiet), margin: [0, 2, 0, 8] },
  paragraph: { margin: [0, 0, 0, 7] },
  citation: { fontSize: STYLE.small, color: hex(STYLE.quiet) },
  caption: { fontSize: STYLE.table, bold: true, color: hex(STYLE.heading) },
  tableHeader: { fontSize: STYLE.table, bold: true, color: hex(STYLE.heading) },
  tableCell: { fontSize: STYLE.table, lineHeight: 1.2 },
  tableCitation: { fontSize: STYLE.small, color: hex(STYLE.quiet) },
  running: { fontSize: STYLE.small, color: hex(STYLE.quiet) },
  link: { fontSize: STYLE.small, color: '#1d4ed8' },
  quiet: { fontSize: STYLE.small, color: hex(STYLE.quiet) },
};
