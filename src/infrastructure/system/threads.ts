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
 * Works in threads of their own: laying out pages takes seconds, in which a server would answer no client. Each thread gets
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

  /** @param given buffers of the order that go to the thread: the caller has them no more. @throws ThreadRefusal */
  async run(order: Order, given: readonly ArrayBuffer[] = []): Promise<Result> {
    if (!existsSync(fileURLToPath(this.entry))) return this.unbuilt(order);
    await this.slot();
    try {
      return await this.inThread(order, given);
    } finally {
      // An order that is done hands its place on: then `running` stays as it is.
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

  private inThread(order: Order, given: readonly ArrayBuffer[]): Promise<Result> {
    const { timeoutMs, heapMb } = this.limits;
    return new Promise((resolve, reject) => {
      const worker = new Worker(this.entry, {
        workerData: order,
        transferList: [...given],
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

export type KeptThreadLimits = ThreadLimits &
  Readonly<{
    /** Bytes of all orders that wait. */
    waitingBytes: number;
    /** A thread without an order for so long is ended. */
    idleMs: number;
  }>;

type Order<Asked, Given> = Readonly<{
  asked: Asked;
  bytes: Uint8Array;
  resolve: (given: Given) => void;
  reject: (error: Error) => void;
}>;

/**
 * Does work on bytes beside this thread, in a few threads that are kept while there is something to do: starting one takes
 * longer than most of the work. A thread posts what it gives for each `{asked, bytes}`; one that takes too long or too much
 * memory is ended, and its order refused.
 */
export class KeptThreads<Asked, Given> {
  private readonly waiting: Order<Asked, Given>[] = [];
  private waitingBytes = 0;
  /** Each with the timer that ends it. */
  private readonly idle = new Map<Worker, NodeJS.Timeout>();
  private readonly all = new Set<Worker>();
  private isClosed = false;

  /** @param unbuilt does the same here, where the sources run without having been built: a thread has no file to load */
  constructor(
    private readonly entry: URL,
    private readonly limits: KeptThreadLimits,
    private readonly unbuilt: (asked: Asked, bytes: Uint8Array) => Given,
  ) {}

  /** The bytes go to the thread: the caller has them no more. @throws ThreadRefusal */
  async run(asked: Asked, bytes: Uint8Array): Promise<Given> {
    if (!existsSync(fileURLToPath(this.entry))) return this.unbuilt(asked, bytes);
    const { waiting, waitingBytes } = this.limits;
    if (this.isClosed) throw new ThreadRefusal('BUSY', 'it is stopping');
    return new Promise<Given>((resolve, reject) => {
      const order = { asked, bytes, resolve, reject };
      const worker = this.rested() ?? (this.all.size < this.limits.threads ? this.start() : undefined);
      if (worker) return this.give(worker, order);
      if (this.waiting.length >= waiting || this.waitingBytes + bytes.byteLength > waitingBytes)
        return reject(new ThreadRefusal('BUSY', 'too much of this size waits to be read: try again later'));
      this.waiting.push(order);
      this.waitingBytes += bytes.byteLength;
    });
  }

  /** Refuses what waits, and cuts off what is under way. */
  async close(): Promise<void> {
    this.isClosed = true;
    for (const { reject } of this.waiting.splice(0)) reject(new ThreadRefusal('BUSY', 'it is stopping'));
    await Promise.all([...this.all].map((worker) => worker.terminate()));
  }

  private rested(): Worker | undefined {
    for (const [worker, end] of this.idle) {
      clearTimeout(end);
      this.idle.delete(worker);
      return worker;
    }
    return undefined;
  }

  private start(): Worker {
    const resourceLimits = { maxOldGenerationSizeMb: this.limits.heapMb };
    const worker = new Worker(this.entry, { name: 'kept', resourceLimits });
    this.all.add(worker);
    // Of a thread that ends while it has nothing to do there is nothing to say.
    worker.on('error', () => undefined);
    worker.once('exit', () => this.ended(worker));
    // Nothing is left undone where the process ends meanwhile: the caller that waits for an answer keeps it alive.
    worker.unref();
    return worker;
  }

  private give(worker: Worker, { asked, bytes, resolve, reject }: Order<Asked, Given>): void {
    const over = () => {
      clearTimeout(timer);
      worker.off('message', given).off('error', failed).off('exit', exited);
    };
    const given = (result: Given) => {
      over();
      resolve(result);
      this.free(worker);
    };
    const fail = (reason: string) => {
      over();
      reject(new ThreadRefusal('FAILED', reason));
      void worker.terminate();
    };
    const failed = (error: Error) => fail(error.message);
    const exited = (code: number) => fail(`its thread ended with code ${code}`);
    const timer = setTimeout(() => fail(`it took longer than ${this.limits.timeoutMs} ms`), this.limits.timeoutMs);
    worker.on('message', given).on('error', failed).on('exit', exited);
    worker.postMessage({ asked, bytes }, [bytes.buffer as ArrayBuffer]);
  }

  private free(worker: Worker): void {
    const next = this.next();
    if (next) return this.give(worker, next);
    const end = setTimeout(() => this.dismiss(worker), this.limits.idleMs).unref();
    this.idle.set(worker, end);
  }

  /** It takes a moment to end, in which it must not be given an order: that would fail with it. */
  private dismiss(worker: Worker): void {
    this.idle.delete(worker);
    void worker.terminate();
  }

  private next(): Order<Asked, Given> | undefined {
    const next = this.waiting.shift();
    if (next) this.waitingBytes -= next.bytes.byteLength;
    return next;
  }

  private ended(worker: Worker): void {
    this.all.delete(worker);
    clearTimeout(this.idle.get(worker));
    this.idle.delete(worker);
    const next = this.isClosed ? undefined : this.next();
    if (next) this.give(this.start(), next);
  }
}
