/** The one node of a database, for several processes that use it: a process that finds none alive starts it. */
import { type Limits, defaultLimits } from './limits.js';
import { NodeRegister } from './register.js';
import { AnotherNodeRuns } from './storage/storage.js';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { runNode, type NodeOptions, type RunningNode } from './node.js';
import type { FromWorker } from './worker.js';

export type SharedNodeOptions = Readonly<{
  databaseUrl: string;
  /** Between two looks at who runs the node. Default 500. */
  lookMs?: number;
  /** Default 60 000. */
  startTimeoutMs?: number;
  limits?: Partial<Limits>;
  log?: (line: string) => void;
  /** Hears that the node of all instances runs here from now on, or no longer. */
  notice?: (line: string) => void;
}>;

/**
 * Where the node is now. The lock in the database decides who runs it; this only looks, and moves when it has to. A node
 * that stands still (its process is stopped, its machine stalls) loses its session in the database and so its lock before
 * another takes its place: two never write.
 */
export class SharedNode {
  private own: EmbeddedEventStore | undefined;
  private at = '';
  private looking: Promise<void> | undefined;
  private timer: NodeJS.Timeout | undefined;
  private closing = false;
  private readonly register: NodeRegister;
  private readonly movers = new Set<(url: string) => void>();

  private constructor(private readonly options: Required<SharedNodeOptions>) {
    this.register = new NodeRegister(options.databaseUrl);
  }

  /**
   * Resolves when a node was found or started.
   * @throws Error when there is none within `startTimeoutMs`
   */
  static async open(options: SharedNodeOptions): Promise<SharedNode> {
    const defaults = { lookMs: 500, startTimeoutMs: 60_000, limits: {}, log: () => undefined, notice: () => undefined };
    const node = new SharedNode({ ...defaults, ...options });
    const giveUpAt = performance.now() + node.options.startTimeoutMs;
    try {
      while (!node.at) {
        await node.lookOnce();
        if (node.at) break;
        if (performance.now() > giveUpAt)
          throw new Error('The event node of this database is starting and never ready');
        await new Promise((resolve) => setTimeout(resolve, node.options.lookMs / 5));
      }
    } catch (error) {
      await node.close();
      throw error;
    }
    node.lookLater();
    return node;
  }

  /** Connection string with the credentials, for `connect`. Not to be logged. */
  get url(): string {
    return this.at;
  }

  /** Calls `move` with each address after the present one. */
  onMove(move: (url: string) => void): void {
    this.movers.add(move);
  }

  /** Looks now, or joins the look that is under way. Never throws: where it cannot look, what it knew stays. */
  look(): Promise<void> {
    if (this.closing) return Promise.resolve();
    this.looking ??= this.lookOnce()
      .catch((error: unknown) => this.options.log(`The event node cannot be looked for: ${String(error)}`))
      .finally(() => (this.looking = undefined));
    return this.looking;
  }

  /** Stops our own node, if it is ours; another process will start one. */
  async close(): Promise<void> {
    this.closing = true;
    clearTimeout(this.timer);
    await this.looking;
    await this.own?.close();
    await this.register.close();
  }

  private lookLater(): void {
    this.timer = setTimeout(() => void this.look().then(() => !this.closing && this.lookLater()), this.options.lookMs);
    this.timer.unref();
  }

  private async lookOnce(): Promise<void> {
    if (this.own) return; // its `failed` says when it is lost
    const holder = await this.register.holder();
    if (!holder) await this.start();
    else if (holder.url) this.moveTo(holder.url);
  }

  private async start(): Promise<void> {
    const { databaseUrl, limits, log } = this.options;
    try {
      const node = await startEmbeddedEventStore({ databaseUrl, log, limits: { ...limits, lockWaitMs: 0 } });
      this.own = node;
      this.options.notice(`The event node runs on this instance from now on, at ${node.address}`);
      this.moveTo(node.url);
      void node.failed.then((error) => this.lost(node, error));
    } catch (error) {
      if (!(error instanceof AnotherNodeRuns)) throw error; // another process was quicker: the next look finds it
    }
  }

  private async lost(node: EmbeddedEventStore, error: Error): Promise<void> {
    this.options.notice(`The event node no longer runs on this instance: ${error.message}`);
    await node.close().catch(() => undefined);
    this.own = undefined;
    await this.look();
  }

  private moveTo(url: string): void {
    if (url === this.at) return;
    this.at = url;
    for (const move of this.movers) move(url);
  }
}

export type EmbeddedEventStoreOptions = NodeOptions;
export type EmbeddedEventStore = RunningNode;

/**
 * Starts the node in a thread of its own, so that its work and the application's do not delay each other. Where the
 * sources run without having been built (tests), there is no file for a thread to load, and it runs in this one.
 *
 * @throws AnotherNodeRuns when another node uses the database; its message says how to connect to that one
 * @throws Error when the database cannot be reached or the port cannot be had
 */
export async function startEmbeddedEventStore(options: EmbeddedEventStoreOptions): Promise<EmbeddedEventStore> {
  const entry = new URL('./worker.js', import.meta.url);
  return existsSync(fileURLToPath(entry)) ? startThread(entry, options) : runNode(options);
}

function startThread(entry: URL, { log, ...options }: EmbeddedEventStoreOptions): Promise<EmbeddedEventStore> {
  const { youngGenerationMegabytes } = { ...defaultLimits, ...options.limits };
  const resourceLimits = { maxYoungGenerationSizeMb: youngGenerationMegabytes };
  const worker = new Worker(entry, { workerData: options, name: 'embedded-eventstore', resourceLimits });
  const exited = new Promise<void>((resolve) => worker.once('exit', () => resolve()));
  return new Promise((resolve, reject) => {
    let closing = false;
    let fail: (error: Error) => void = () => undefined;
    const failed = new Promise<Error>((resolveFailed) => (fail = resolveFailed));
    const close = async () => {
      closing = true;
      worker.postMessage('close');
      await exited;
    };
    const lost = (error: Error) => {
      reject(error);
      if (!closing) fail(error);
    };
    worker.on('error', lost);
    worker.on('exit', (code) => lost(new Error(`The embedded event node's thread ended with code ${code}`)));
    worker.on('message', (message: FromWorker) => {
      if (message.kind === 'log') log?.(message.line);
      if (message.kind === 'ready') {
        const { url, address, secret } = message;
        resolve({ url, address, secret, close, failed });
      }
      if (message.kind === 'failed') lost(new Error(message.reason));
      if (message.kind === 'another-node') reject(new AnotherNodeRuns(message.reason));
    });
  });
}
