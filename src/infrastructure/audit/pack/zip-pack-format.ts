import { readFile } from 'node:fs/promises';
import { zipSync } from 'fflate';
import { PackFormat, type PackFiles, type PackReport } from '../../../application/audit/pack/pack-format.js';
import { pdfFile } from '../../document/export/pdf-file.js';
import { packReport } from './report.js';

export class ZipPackFormat extends PackFormat {
  verifier(): Promise<Uint8Array> {
    return readFile(new URL('./verify.mjs', import.meta.url));
  }

  report(report: PackReport): Promise<Uint8Array> {
    return pdfFile(packReport(report));
  }

  zip(files: PackFiles, madeAt: Date): Uint8Array {
    return zipSync({ ...files }, { level: 6, mtime: madeAt });
  }
}
