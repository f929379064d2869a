import { hash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { zip, type AsyncZippable, type AsyncZipOptions } from 'fflate';
import type { CheckedPack, PackFormat, PackFiles, PackReport } from '../../../application/audit/pack/audit-pack.js';
import { NotReady } from '../../../application/runtime/errors.js';
import { checkPack, type PackToCheck } from './check-pack.js';
import { OneShotThreads, ThreadRefusal, type ThreadLimits } from '../../system/threads.js';

const limits: ThreadLimits = { threads: 1, waiting: 20, timeoutMs: 240_000, heapMb: 1024 };
const checkLimits: ThreadLimits = { threads: 1, waiting: 20, timeoutMs: 60_000, heapMb: 1024 };

/** Large files are deflated in threads of their own. */
const zipped = promisify<AsyncZippable, AsyncZipOptions, Uint8Array>(zip);

/** Ed25519 in base64. */
const SIGNATURE_CHARACTERS = 88;

const threads = new OneShotThreads<PackReport>(
  new URL('./report-thread.js', import.meta.url),
  limits,
  async (report) => {
    const { reportFile } = await import('./report-file.js');
    return reportFile(report);
  },
);

const checks = new OneShotThreads<PackToCheck, CheckedPack>(
  new URL('./check-thread.js', import.meta.url),
  checkLimits,
  checkPack,
);

export class ZipPackFormat implements PackFormat {
  verifier(): Promise<Uint8Array> {
    return readFile(new URL('./verify.mjs', import.meta.url));
  }

  async report(report: PackReport): Promise<Uint8Array> {
    try {
      return await threads.run(report);
    } catch (error) {
      if (!(error instanceof ThreadRefusal)) throw error;
      throw new NotReady(`The report of the audit pack was not written: ${error.message}`, { cause: error });
    }
  }

  async check(content: Uint8Array, keyId: string): Promise<CheckedPack> {
    try {
      return await checks.run({ content, keyId }, [content.buffer as ArrayBuffer]);
    } catch (error) {
      if (!(error instanceof ThreadRefusal)) throw error;
      throw new NotReady(`The audit pack was not checked: ${error.message}`, { cause: error });
    }
  }

  async zip(files: PackFiles, madeAt: Date, sign: (text: string) => string): Promise<Uint8Array> {
    const bytes = Buffer.from(await zipped({ ...files }, { level: 6, mtime: madeAt, consume: false }));
    // The last two bytes are how long the comment is, which they are part of.
    bytes.writeUInt16LE(SIGNATURE_CHARACTERS, bytes.length - 2);
    const signature = sign(`workflow-executor/audit-pack-zip/1 ${hash('sha256', bytes, 'hex')}`);
    if (signature.length !== SIGNATURE_CHARACTERS)
      throw new Error(`Expected a signature of ${SIGNATURE_CHARACTERS} characters, got ${signature.length}`);
    return Buffer.concat([bytes, Buffer.from(signature)]);
  }
}
