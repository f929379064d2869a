/** One thing of the provider that is fetched and kept: a provider that is away stops only what needs a newer one. */
import type { Clock } from '../../application/runtime/clock.js';
import { NotReady, type OnError } from '../../application/runtime/errors.js';

export type KeptLimits = Readonly<{
  /** What is older is fetched anew beside the requests, which go on with what there is. */
  staleMs: number;
  /** Between two fetches, whatever requests ask for. */
  pauseMs: number;
  /** The same after a fetch that failed. */
  retryMs: number;
}>;

/** `what`: for messages, as in "the keys of the provider". */
type Source<Value> = Readonly<{ what: string; fetch: () => Promise<Value> }>;

export class Kept<Value> {
  private kept: Readonly<{ value: Value; at: number }> | null = null;
  private fetching: Promise<Value> | null = null;
  private triedAt = -Infinity;
  /** Whether the last fetch failed. */
  private isAway = false;

  constructor(
    private readonly source: Source<Value>,
    private readonly clock: Clock,
    private readonly limits: KeptLimits,
    private readonly onError: OnError,
  ) {}

  /** @throws NotReady where there is none yet, and none can be had now */
  async get(): Promise<Value> {
    if (!this.kept) return this.mayFetch() ? this.fetchOnce() : this.notReady();
    if (this.now() - this.kept.at >= this.limits.staleMs && this.mayFetch()) this.fetchOnce().catch(() => undefined);
    return this.kept.value;
  }

  /**
   * For who misses something in what `get` gave: waits for a fetch that is under way, or begins one if the pause is over.
   * @returns the newest there is, which may be the same. @throws NotReady where the provider cannot be asked
   */
  async newer(): Promise<Value> {
    if (this.mayFetch()) return this.fetchOnce();
    return this.kept && !this.isAway ? this.kept.value : this.notReady();
  }

  private now(): number {
    return this.clock.now().getTime();
  }

  private mayFetch(): boolean {
    const { pauseMs, retryMs } = this.limits;
    return this.fetching !== null || Math.abs(this.now() - this.triedAt) >= (this.isAway ? retryMs : pauseMs);
  }

  private fetchOnce(): Promise<Value> {
    this.fetching ??= this.fetch().finally(() => (this.fetching = null));
    return this.fetching;
  }

  private async fetch(): Promise<Value> {
    this.triedAt = this.now();
    try {
      const value = await this.source.fetch();
      this.kept = { value, at: this.now() };
      this.isAway = false;
      return value;
    } catch (error) {
      this.isAway = true;
      this.onError(
        `The ${this.source.what} of the OpenID provider cannot be had; what needs none of them goes on`,
        error,
      );
      return this.notReady(error);
    }
  }

  private notReady(cause?: unknown): never {
    throw new NotReady('The OpenID provider cannot be asked at this moment: repeat the request', { cause });
  }
}
