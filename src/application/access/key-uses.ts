/** When each key was last used: noted in memory on the way of each request, and stored outside of it. */
import { every, type Clock } from '../runtime/clock.js';
import type { OnError } from '../runtime/errors.js';

export abstract class KeyUseStore {
  /** Keeps the later one of what is there and what is given. */
  abstract write(uses: ReadonlyMap<string, Date>): Promise<void>;
  /** All that were ever used. */
  abstract all(): Promise<ReadonlyMap<string, Date>>;
}

/** Each key's use is stored once in this time at most. */
const STORED_EVERY_MS = 60_000;

export class KeyUses {
  /** By id; of keys that are known here only, so never more than there are. */
  private unstored = new Map<string, Date>();
  private readonly ending = new AbortController();
  private storing: Promise<void> = Promise.resolve();

  constructor(
    private readonly store: KeyUseStore,
    private readonly clock: Clock,
    private readonly onError: OnError,
    private readonly everyMs = STORED_EVERY_MS,
  ) {}

  note(keyId: string): void {
    this.unstored.set(keyId, this.clock.now());
  }

  /** Other instances' uses may be `everyMs` old. */
  async all(): Promise<ReadonlyMap<string, Date>> {
    return latest(await this.store.all(), this.unstored);
  }

  start(): void {
    const failed = (error: unknown) => this.onError('The last uses of API keys cannot be stored and wait', error);
    this.storing = every(this.clock, this.everyMs, this.ending.signal, () => this.flush(), failed);
  }

  async stop(): Promise<void> {
    this.ending.abort();
    await this.storing;
    await this.flush().catch((error: unknown) => this.onError('The last uses of API keys were not stored', error));
  }

  private async flush(): Promise<void> {
    const uses = this.unstored;
    if (uses.size === 0) return;
    this.unstored = new Map();
    try {
      await this.store.write(uses);
    } catch (error) {
      this.unstored = latest(uses, this.unstored);
      throw error;
    }
  }
}

const latest = (one: ReadonlyMap<string, Date>, other: ReadonlyMap<string, Date>): Map<string, Date> => {
  const both = new Map(one);
  for (const [id, at] of other) if (at > (both.get(id) ?? 0)) both.set(id, at);
  return both;
};
