import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { Refusal } from '../refusal.js';
import type { RenderOrder } from './render-thread.js';

export type RenderLimits = Readonly<{
  /** Threads at once; a file more waits. */
  threads: number;
  /** Files that wait; one more is refused, to be tried again. */
  waiting: number;
  /** For one file. */
  timeoutMs: number;
  /** Heap of a thread, MiB. */
  heapMb: number;
}>;

/** A file's time is less than the five minutes that a workflow gives the step. */
export const renderLimits: RenderLimits = { threads: 2, waiting: 100, timeoutMs: 240_000, heapMb: 1024 };

/**
 * Writes files in threads of their own: laying out pages takes seconds, in which a server would answer nobody.
 * Each thread writes one file and ends.
 */
export class RenderThreads {
  private running = 0;
  private readonly waiting: (() => void)[] = [];

  /** @param entry the thread's program */
  constructor(
    private readonly entry: URL,
    private readonly limits: RenderLimits,
  ) {}

  /** @throws Refusal transient when too many files wait, or when this one takes too long or too much memory */
  async render(order: RenderOrder): Promise<Uint8Array> {
    // Where the sources run without having been built (tests), there is no file for a thread to load.
    if (!existsSync(fileURLToPath(this.entry))) {
      // Not imported at the top: the libraries behind it take half a second to load, and only a thread needs them.
      const { render } = await import('./render.js');
      return render(order.document, order.format);
    }
    await this.slot();
    try {
      return await this.inThread(order);
    } finally {
      // Whoever is done hands its place on: then `running` stays as it is.
      const next = this.waiting.shift();
      if (next) next();
      else this.running -= 1;
    }
  }

  private async slot(): Promise<void> {
    if (this.running < this.limits.threads) {
      this.running += 1;
      return;
    }
    if (this.waiting.length >= this.limits.waiting)
      throw new Refusal(
        'transient',
        'EXPORT_BUSY',
        `${this.limits.waiting} files wait to be written: try again later.`,
      );
    await new Promise<void>((resolve) => this.waiting.push(resolve));
  }

  private inThread(order: RenderOrder): Promise<Uint8Array> {
    const { timeoutMs, heapMb } = this.limits;
    return new Promise((resolve, reject) => {
      const worker = new Worker(this.entry, {
        workerData: order,
        name: 'document-export',
        resourceLimits: { maxOldGenerationSizeMb: heapMb },
      });
      const fail = (reason: string) =>
        reject(
          new Refusal('transient', 'EXPORT_FAILED', `The ${order.format.toUpperCase()} was not written: ${reason}.`),
        );
      const timer = setTimeout(() => {
        fail(`it took longer than ${timeoutMs} ms`);
        void worker.terminate();
      }, timeoutMs);
      worker.on('message', (content: Uint8Array) => resolve(content));
      worker.on('error', (error) => fail(error.message));
      worker.on('exit', (code) => {
        clearTimeout(timer);
        fail(`its thread ended with code ${code}`);
      });
    });
  }
}
