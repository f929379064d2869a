import { setMaxListeners } from 'node:events';
import { type DisableCause, nextPauseMs, type BackOff } from '../../domain/webhook/webhook.js';
import type { OnError } from '../runtime/errors.js';
import { sleep, type Clock } from '../runtime/clock.js';
import { LogUnavailable, StreamTombstoned, type EventLog, type RecordedEvent } from '../log/event-log.js';
import { failpoint } from '../runtime/failpoint.js';
import type { Ids } from '../log/ids.js';
import type { WebhookLimits, WebhookPace } from './limits.js';
import { bodyOf, headersFor, type Answered, type WebhookSender } from './message.js';
import type { AttemptReport, Claimed, WebhookQueue, ClaimLimits, DeliveryOutcome } from './webhook-queue.js';

/** What an answer, or its absence, means for a delivery and for the subscription. */

const GONE = 410;

type Verdict = Readonly<{
  outcome: DeliveryOutcome;
  /** Null: the subscription stays as it is. */
  disable: Readonly<{ cause: DisableCause; reason: string }> | null;
}>;

/** @param before attempts before this one, and milliseconds from the first of them to the end of this one */
export const verdictOn = (
  { statusCode, error, retryAfterMs }: Pick<Answered, 'statusCode' | 'error' | 'retryAfterMs'>,
  before: Readonly<{ attempts: number; ageMs: number }>,
  backOff: BackOff,
  jitter: number,
): Verdict => {
  if (statusCode !== null && statusCode >= 200 && statusCode < 300)
    return { outcome: { state: 'delivered' }, disable: null };
  if (statusCode === GONE) {
    const reason = 'The receiver answered 410: it wants no more';
    return { outcome: { state: 'failed' }, disable: { cause: 'gone', reason } };
  }
  const attempts = before.attempts + 1;
  const pauseMs = nextPauseMs(backOff, { attempts, ageMs: before.ageMs, retryAfterMs, jitter });
  if (pauseMs !== null) return { outcome: { state: 'pending', pauseMs }, disable: null };
  const last = statusCode === null ? (error ?? 'no answer') : `status ${statusCode}`;
  const reason = `One delivery failed for ${hours(backOff.giveUpMs)}, in ${attempts} attempts; the last: ${last}`;
  return { outcome: { state: 'failed' }, disable: { cause: 'lasting_failure', reason } };
};

const HOUR_MS = 3_600_000;
const hours = (ms: number): string => (ms >= HOUR_MS ? `${Math.round(ms / HOUR_MS)} h` : `${Math.round(ms)} ms`);

/** Which attempts take up a place on this instance. A receiver that hangs holds up its attempt, but no place of others. */

type Attempt = { readonly isOfSilent: boolean; isSlow: boolean };

/** Of all places, the share that only receivers without an attempt under way may take. */
const RESERVED_SHARE = 1 / 4;

class Places {
  private readonly taken = new Set<Attempt>();

  /** @param onFree a place is free again */
  constructor(
    private readonly clock: Clock,
    private readonly limits: WebhookLimits,
    private readonly onFree: () => void,
  ) {}

  free(): Pick<ClaimLimits, 'most' | 'reserved' | 'mostSilent'> {
    const { attempts, slowAttempts, silentAttempts } = this.limits;
    const all = [...this.taken];
    const silent = all.filter(({ isOfSilent }) => isOfSilent).length;
    const slow = all.filter(({ isOfSilent, isSlow }) => !isOfSilent && isSlow).length;
    return {
      most: Math.max(0, attempts - (all.length - silent - Math.min(slow, slowAttempts))),
      reserved: Math.floor(attempts * RESERVED_SHARE),
      mostSilent: Math.max(0, silentAttempts - silent),
    };
  }

  /** @returns what gives the place back */
  take({ receiver }: Pick<Claimed, 'receiver'>): () => void {
    const attempt: Attempt = { isOfSilent: receiver === 'silent', isSlow: false };
    this.taken.add(attempt);
    const cancel = this.clock.wakeAfter(this.limits.slowMs, () => {
      attempt.isSlow = true;
      this.onFree();
    });
    return () => {
      cancel();
      this.taken.delete(attempt);
      this.onFree();
    };
  }
}

type Dependencies = Readonly<{ log: EventLog; queue: WebhookQueue; sender: WebhookSender; clock: Clock; ids: Ids }>;

type Callbacks = Readonly<{
  /** Has to succeed before the delivery counts as failed; what is so already changes nothing. */
  disable: (webhookId: string, cause: DisableCause, reason: string) => Promise<void>;
  onError: OnError;
}>;

/** Sends what is due, on every instance: executions side by side, the events of one after each other. */
export class WebhookDeliverer {
  private readonly ending = new AbortController();
  private readonly underWay = new Set<Promise<void>>();
  private readonly places: Places;
  private loop: Promise<void> = Promise.resolve();
  private wakeUp = new AbortController();

  constructor(
    private readonly dependencies: Dependencies,
    private readonly limits: WebhookLimits,
    private readonly pace: WebhookPace,
    private readonly callbacks: Callbacks,
  ) {
    // Each attempt under way listens.
    setMaxListeners(0, this.ending.signal);
    this.places = new Places(dependencies.clock, limits, () => this.wake());
  }

  start(): void {
    this.loop = this.run(this.ending.signal);
  }

  /** Attempts under way end; another instance, or the next start, makes them again. */
  async stop(): Promise<void> {
    this.ending.abort();
    this.wake();
    await this.loop;
    await Promise.all(this.underWay);
  }

  /** Something may be due. */
  wake(): void {
    this.wakeUp.abort();
  }

  private async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      this.wakeUp = new AbortController();
      const { wakeUp } = this;
      let [claimed, pauseMs] = [0, this.pace.pollMs];
      try {
        claimed = await this.claim(signal);
      } catch (error) {
        pauseMs = this.pace.leadPauseMs;
        if (!signal.aborted)
          this.callbacks.onError('Deliveries of webhooks could not be looked for; tried again', error);
      }
      if (claimed > 0) continue;
      await sleep(this.dependencies.clock, pauseMs, wakeUp.signal);
    }
  }

  private async claim(signal: AbortSignal): Promise<number> {
    const { attemptsPerTarget, timeoutMs } = this.limits;
    const { clock, ids, queue } = this.dependencies;
    const free = this.places.free();
    if (free.most + free.mostSilent === 0) return 0;
    const limits = { ...free, perTarget: attemptsPerTarget, leaseMs: timeoutMs + this.pace.graceMs };
    // After that another may have it before this attempt is over.
    const sendBefore = clock.now().getTime() + this.pace.graceMs;
    const claimed = await queue.claim(limits, ids.uuid());
    for (const each of claimed) {
      const leave = this.places.take(each);
      const attempt = this.attempt(each, sendBefore, signal)
        .catch((error: unknown) =>
          this.callbacks.onError('A delivery of a webhook was not recorded; made again', error),
        )
        .finally(() => {
          this.underWay.delete(attempt);
          leave();
        });
      this.underWay.add(attempt);
    }
    return claimed.length;
  }

  private async attempt(claimed: Claimed, sendBefore: number, signal: AbortSignal): Promise<void> {
    const { queue, clock, ids } = this.dependencies;
    let recorded: RecordedEvent | undefined;
    try {
      recorded = await this.read(claimed);
    } catch (error) {
      await queue.release(claimed, this.pace.leadPauseMs);
      throw error;
    }
    if (!recorded) return queue.finish(claimed, NOT_IN_THE_LOG, { state: 'failed' });
    const body = bodyOf(recorded, this.limits.bodyBytes);
    const headers = headersFor(claimed.deliveryId, claimed.secrets, body, clock.now());
    failpoint('webhook-claimed');
    if (clock.now().getTime() > sendBefore) return queue.release(claimed, 0);
    const answered = await this.dependencies.sender.post({ url: claimed.url, headers, body, signal });
    failpoint('webhook-answered');
    // Ended by the end of this instance, not by the receiver.
    if (signal.aborted && answered.statusCode === null) return queue.release(claimed, 0);
    const before = { attempts: claimed.attempts, ageMs: claimed.ageMs + answered.durationMs };
    const { outcome, disable } = verdictOn(answered, before, this.limits.backOff, ids.jitter());
    // Another may have delivered it meanwhile: then this answer is of no account.
    if (disable && !(await queue.holds(claimed))) return;
    if (disable) await this.callbacks.disable(claimed.webhookId, disable.cause, disable.reason);
    // Until the log's word on it has come round to the queue, nothing more is sent to one that was disabled here.
    await queue.finish(claimed, reportOf(answered), outcome, disable ? this.pace.graceMs : 0);
  }

  /** @throws LogUnavailable where the log has not got as far: a node that stood still answers from what it knew */
  private async read(claimed: Claimed): Promise<RecordedEvent | undefined> {
    const found = await this.find(claimed);
    if (found) return found;
    const head = await this.dependencies.log.head();
    if (head === 'start' || head < claimed.position)
      throw new LogUnavailable(
        `Expected a log up to position ${claimed.position}, where this event stands; it ends at ${head}`,
      );
    // The log may have moved between the two, from a node that stood still to the one that goes on.
    return this.find(claimed);
  }

  private async find({ stream, revision }: Claimed): Promise<RecordedEvent | undefined> {
    try {
      const [event] = await this.dependencies.log.readPage(stream, { direction: 'forwards', from: revision, limit: 1 });
      return event?.revision === revision ? event : undefined;
    } catch (error) {
      if (error instanceof StreamTombstoned) return undefined;
      throw error;
    }
  }
}

const NOT_IN_THE_LOG: AttemptReport = {
  statusCode: null,
  error: 'The event is not in the log any more',
  responseExcerpt: null,
  durationMs: 0,
  isLate: false,
};

const reportOf = ({ statusCode, error, responseExcerpt, durationMs, isLate }: Answered): AttemptReport => ({
  statusCode,
  error,
  responseExcerpt,
  durationMs,
  isLate,
});
