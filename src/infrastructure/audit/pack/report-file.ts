import type { PackReport } from '../../../application/audit/pack/pack-format.js';
import { pdfFile } from '../../typesetting/pdf-file.js';
import { packReport } from './report.js';

/** PDF. Takes its thread for as long as it needs: seconds for thousands of events. */
export const reportFile = (report: PackReport): Promise<Uint8Array> => pdfFile(packReport(report));
