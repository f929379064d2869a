import { reasonOf } from '../../application/runtime/errors.js';
import type { Dispatcher } from 'undici';
import type { Clock } from '../../application/runtime/clock.js';
import { WebhookSender, type Answered, type Posted } from '../../application/webhooks/message.js';
import { retryAfterMs, sentAt } from '../agents/failures.js';
import { OutgoingHttp } from '../system/outgoing-http.js';
import { checkedLookup, type Resolve, refusalOfAddress, refusalOfTarget, type TargetRules } from './target-rules.js';

export type SenderLimits = Readonly<{
  /** From the connection to the last byte of the answer. */
  timeoutMs: number;
  /** Bytes of the answer that are read and kept. */
  excerptBytes: number;
  /** A longer Retry-After is taken for this one. */
  retryAfterMs: number;
  /** At least as many as attempts may be under way: none waits for a connection, which would be no receiver's fault. */
  connectionsPerHost: number;
  /** How long a connection is kept where nothing is sent. */
  idleConnectionMs: number;
  errorLength: number;
  urlLength: number;
}>;

export const DEFAULT_SENDER_LIMITS: SenderLimits = {
  timeoutMs: 10_000,
  excerptBytes: 2 * 1024,
  retryAfterMs: 2 * 60 * 60 * 1_000,
  connectionsPerHost: 256,
  idleConnectionMs: 4_000,
  errorLength: 500,
  urlLength: 2_000,
};

export class HttpWebhookSender extends WebhookSender {
  private readonly outgoing: OutgoingHttp;

  constructor(
    private readonly clock: Clock,
    private readonly rules: TargetRules,
    private readonly limits: SenderLimits = DEFAULT_SENDER_LIMITS,
    resolve?: Resolve,
  ) {
    super();
    const connections = {
      headersTimeout: limits.timeoutMs,
      bodyTimeout: limits.timeoutMs,
      connections: limits.connectionsPerHost,
      keepAliveTimeout: limits.idleConnectionMs,
      keepAliveMaxTimeout: limits.idleConnectionMs,
    };
    this.outgoing = new OutgoingHttp(connections, (origin) => ({
      timeout: limits.timeoutMs,
      lookup: checkedLookup((address) => refusalOfAddress(rules, origin, address), resolve),
    }));
  }

  refusalOf(url: string): string | null {
    if (url.length > this.limits.urlLength) return `expected at most ${this.limits.urlLength} characters`;
    if (!URL.canParse(url)) return 'expected an absolute URL';
    const target = new URL(url);
    const { protocol, username, password } = target;
    if (protocol !== 'https:' && protocol !== 'http:') return 'expected https:// or http://';
    if (username !== '' || password !== '') return 'expected no user and password in it; the signature tells who calls';
    return refusalOfTarget(this.rules, target);
  }

  async post({ url, headers, body, signal }: Posted): Promise<Answered> {
    const begin = performance.now();
    let isLate = false;
    const answered = (part: Partial<Answered>): Answered => ({
      ...{ statusCode: null, error: null, responseExcerpt: null, retryAfterMs: null },
      ...part,
      durationMs: Math.round(performance.now() - begin),
      isLate,
    });
    const refused = this.refusalOf(url);
    if (refused !== null) return answered({ error: this.bounded(refused) });
    const ending = new AbortController();
    const end = () => ending.abort();
    const cancel = this.clock.wakeAfter(this.limits.timeoutMs, () => {
      isLate = true;
      end();
    });
    signal.addEventListener('abort', end, { once: true });
    if (signal.aborted) end();
    try {
      const response = await this.outgoing.post(url, {
        headers: { ...headers, 'user-agent': 'workflow-executor', 'accept-encoding': 'identity' },
        body,
        signal: ending.signal,
      });
      const wish = [response.headers['retry-after']].flat()[0];
      return answered({
        statusCode: response.statusCode,
        responseExcerpt: await excerptOf(response.body, this.limits.excerptBytes),
        retryAfterMs: retryAfterMs(wish, sentAt(response.headers.date, this.clock.now()), this.limits.retryAfterMs),
      });
    } catch (error) {
      if (isLate) return answered({ error: `No answer within ${this.limits.timeoutMs} ms` });
      return answered({ error: this.bounded(reasonOf(error)) });
    } finally {
      cancel();
      signal.removeEventListener('abort', end);
    }
  }

  /** Ends what is still under way. */
  async close(): Promise<void> {
    await this.outgoing.destroy();
  }

  private bounded(text: string): string {
    return text.slice(0, this.limits.errorLength);
  }
}

/** As far as it comes: the status says all that counts. The rest is not read, and its connection not used again. */
const excerptOf = async (body: Dispatcher.ResponseData['body'], most: number): Promise<string | null> => {
  const chunks: Buffer[] = [];
  let bytes = 0;
  try {
    for await (const chunk of body as AsyncIterable<Buffer>) {
      chunks.push(chunk);
      bytes += chunk.byteLength;
      if (bytes >= most) break;
    }
  } catch {
    // The answer broke off, or its time was over.
  }
  const text = Buffer.concat(chunks).subarray(0, most).toString('utf8');
  return text === '' ? null : text;
};
