import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';

export type ThreadLimits = Readonly<{
  /** Threads at once; an order more waits. */
  threads: number;
  /** Orders that wait; one more is refused, to be tried again. */
  waiting: number;
  /** For one order. */
  timeoutMs: number;
  /** Heap of a thread, MiB. */
  heapMb: number;
}>;

/** Transient: too many orders wait (`BUSY`), or this one took too long or too much memory, or its program failed (`FAILED`). */
export class ThreadRefusal extends Error {
  constructor(
    readonly code: 'BUSY' | 'FAILED',
    message: string,
  ) {
    super(message);
  }
}

/**
 * Works in threads of their own: laying out pages takes seconds, in which a server would answer nobody. Each thread gets
 * one order as its `workerData`, posts its result, and ends.
 */
export class OneShotThreads<Order, Result = Uint8Array> {
  private running = 0;
  private readonly waiting: (() => void)[] = [];

  /**
   * @param entry the thread's program
   * @param unbuilt does the same here, where the sources run without having been built (tests): there is no file for a
   *   thread to load. It imports what it needs when it is called, as those libraries take half a second to load.
   */
  constructor(
    private readonly entry: URL,
    private readonly limits: ThreadLimits,
    private readonly unbuilt: (order: Order) => Promise<Result>,
  ) {}

  /** @throws ThreadRefusal */
  async run(order: Order): Promise<Result> {
    if (!existsSync(fileURLToPath(this.entry))) return this.unbuilt(order);
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
      throw new ThreadRefusal('BUSY', `${this.limits.waiting} files wait to be written: try again later`);
    await new Promise<void>((resolve) => this.waiting.push(resolve));
  }

  private inThread(order: Order): Promise<Result> {
    const { timeoutMs, heapMb } = this.limits;
    return new Promise((resolve, reject) => {
      const worker = new Worker(this.entry, {
        workerData: order,
        name: 'one-shot',
        resourceLimits: { maxOldGenerationSizeMb: heapMb },
      });
      const fail = (reason: string) => reject(new ThreadRefusal('FAILED', reason));
      const timer = setTimeout(() => {
        fail(`it took longer than ${timeoutMs} ms`);
        void worker.terminate();
      }, timeoutMs);
      worker.on('message', (result: Result) => resolve(result));
      worker.on('error', (error) => fail(error.message));
      worker.on('exit', (code) => {
        clearTimeout(timer);
        fail(`its thread ended with code ${code}`);
      });
    });
  }
}
