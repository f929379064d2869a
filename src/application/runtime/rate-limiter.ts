/** Bounds what each of many keys may do: how often, and how much at the same time. */
import { fullBucket, hasToken, nextTokenAt, takeToken, type Bucket, type RateLimit } from '../../domain/bucket.js';
import type { Clock } from './clock.js';

/** A token bucket for each key, on this instance alone. Remembers a limited number of keys. */
export class RateLimiter {
  /** The key that was used last comes last. */
  private readonly buckets = new Map<string, Bucket>();

  /** @param keys remembered at the same time, at most: beyond that, keys that are new share one bucket until others have rested */
  constructor(
    readonly limit: RateLimit,
    private readonly clock: Clock,
    private readonly keys: number,
  ) {}

  /** @returns 0 where it may be done now, and else the milliseconds until then */
  take(key: string): number {
    const { limit, buckets } = this;
    if (limit.calls === 0) return 0;
    const now = this.clock.now().getTime();
    const own = buckets.has(key) || this.hasRoom(now) ? key : SHARED;
    const bucket = buckets.get(own) ?? fullBucket(limit, now);
    buckets.delete(own);
    if (!hasToken(bucket, limit, now)) {
      buckets.set(own, bucket);
      return Math.max(1, nextTokenAt(bucket, limit, now) - now);
    }
    buckets.set(own, takeToken(bucket, limit, now));
    return 0;
  }

  get size(): number {
    return this.buckets.size;
  }

  /** A bucket that rested for a window is full: to forget it changes nothing. */
  private hasRoom(now: number): boolean {
    if (this.buckets.size < this.keys) return true;
    const [oldest] = this.buckets;
    if (!oldest || now - oldest[1].at < this.limit.windowMs) return false;
    this.buckets.delete(oldest[0]);
    return true;
  }
}

/** No address and no principal has this name. */
const SHARED = '';

/** How many things of each key are open. It remembers keys that have one, so that what is open bounds it. */
export class OpenCount {
  private readonly open = new Map<string, number>();

  /** @param most of one key; 0: no limit */
  constructor(readonly most: number) {}

  /** @returns what ends the one that begins now, once however often it is called; null where there are too many */
  take(key: string): (() => void) | null {
    const count = this.open.get(key) ?? 0;
    if (this.most > 0 && count >= this.most) return null;
    this.open.set(key, count + 1);
    let isOpen = true;
    return () => {
      if (!isOpen) return;
      isOpen = false;
      const left = (this.open.get(key) ?? 1) - 1;
      if (left > 0) this.open.set(key, left);
      else this.open.delete(key);
    };
  }

  get size(): number {
    return this.open.size;
  }
}

/** A rate that all instances agree on. */
export abstract class SharedRateLimit {
  /** What may be done in each window, and its seconds. */
  abstract readonly allowed: number;
  abstract readonly perSeconds: number;
  /** As `RateLimiter.take`. Answers within a second, whatever happens to the store. */
  abstract take(key: string): Promise<number>;
}
