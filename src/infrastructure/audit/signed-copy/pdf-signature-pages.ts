import { SignaturePages, type SignatureSheet } from '../../../application/audit/signed-copy.js';
import { InvalidRequest, NotReady } from '../../../application/runtime/errors.js';
import { OneShotThreads, ThreadRefusal, type ThreadLimits } from '../../system/threads.js';
import type { CopyMade, CopyOrder } from './signed-copy-file.js';

const limits: ThreadLimits = { threads: 1, waiting: 20, timeoutMs: 60_000, heapMb: 512 };

const threads = new OneShotThreads<CopyOrder, CopyMade>(
  new URL('./signed-copy-thread.js', import.meta.url),
  limits,
  async (order) => {
    const { signedCopy } = await import('./signed-copy-file.js');
    return signedCopy(order);
  },
);

export class PdfSignaturePages extends SignaturePages {
  async behind(pdf: Uint8Array, sheet: SignatureSheet): Promise<Uint8Array> {
    const made = await this.inThread({ pdf, sheet });
    if ('content' in made) return made.content;
    throw new InvalidRequest(
      'NOT_A_PDF',
      `signatures: expected a PDF that a page can be put behind; ${sheet.document.name} is none: ${made.unreadable}`,
    );
  }

  private async inThread(order: CopyOrder): Promise<CopyMade> {
    try {
      return await threads.run(order);
    } catch (error) {
      if (!(error instanceof ThreadRefusal)) throw error;
      throw new NotReady(`The signed copy was not made: ${error.message}`, { cause: error });
    }
  }
}
