import { createHash } from 'node:crypto';
import { RateLimiterMemory, RateLimiterPostgres, RateLimiterRes } from 'rate-limiter-flexible';
import type { DataSource } from 'typeorm';
import { SharedRateLimit } from '../../../application/runtime/rate-limiter.js';

type Options = Readonly<{
  /** What is limited; it begins the keys. */
  name: string;
  allowed: number;
  perSeconds: number;
  /** How long the database may take to count. Default 500. */
  answerMs?: number;
  /** After a failure the database is left alone for so long. Default 1 000. */
  restMs?: number;
  now?: () => number;
}>;

const CLEAR_EVERY_MS = 300_000;

type Query = Readonly<{ text: string; values?: unknown[] }>;

/**
 * Windows of fixed length in the table `rate_limits`, counted in the database, so that instances agree. While it is away, or
 * slow, each instance counts for itself in memory: a limit is no reason to refuse what can be done.
 */
export class PostgresRateLimit extends SharedRateLimit {
  readonly allowed: number;
  readonly perSeconds: number;
  private readonly limiter: RateLimiterPostgres;
  private readonly now: () => number;
  private restUntil = -Infinity;
  private clearedAt = -Infinity;

  constructor(
    private readonly dataSource: Pick<DataSource, 'query'>,
    options: Options,
  ) {
    super();
    const { name, allowed, perSeconds, answerMs = 500, restMs = 1_000, now = () => performance.now() } = options;
    [this.allowed, this.perSeconds, this.now] = [allowed, perSeconds, now];
    const counted = { keyPrefix: name, points: allowed, duration: perSeconds };
    const query = async ({ text, values }: Query) => {
      if (now() < this.restUntil) throw new Error('The database is left alone for a moment');
      try {
        return { rows: await within<unknown[]>(answerMs, dataSource.query(text, values)) };
      } catch (error) {
        this.restUntil = now() + restMs;
        throw error;
      }
    };
    this.limiter = new RateLimiterPostgres({
      ...counted,
      storeClient: { query },
      storeType: 'client',
      tableName: 'rate_limits',
      // By a migration, like all tables.
      tableCreated: true,
      // By its timer it would go on when the database is closed.
      clearExpiredByTimeout: false,
      insuranceLimiter: new RateLimiterMemory(counted),
    });
  }

  async take(key: string): Promise<number> {
    this.clear();
    try {
      // Names have any length, and are nobody's business in this table.
      await this.limiter.consume(createHash('sha256').update(key).digest('base64url'));
      return 0;
    } catch (error) {
      if (error instanceof RateLimiterRes) return Math.max(1, error.msBeforeNext);
      throw error;
    }
  }

  /** Once in a while, by the way; an error is of no importance. */
  private clear(): void {
    if (this.now() - this.clearedAt < CLEAR_EVERY_MS) return;
    this.clearedAt = this.now();
    const cleared = this.dataSource.query('delete from rate_limits where expire < $1', [Date.now()]);
    void cleared.catch(() => undefined);
  }
}

const within = <T>(ms: number, answer: Promise<T>): Promise<T> =>
  new Promise((resolve, reject) => {
    const late = setTimeout(() => reject(new Error(`The database did not answer within ${ms} ms`)), ms);
    answer.then(resolve, reject).finally(() => clearTimeout(late));
  });
