import { setTimeout as delay } from 'node:timers/promises';
import { AppendCircuit, type CircuitLimits } from '../../application/log/append-circuit.js';
import {
  DEFAULT_MAX_APPEND_BYTES,
  EventLog,
  isVerdict,
  LogUnavailable,
  type Appended,
  type RecordedEvent,
  type SubscriptionMessage,
} from '../../application/log/event-log.js';
import { SharedTail, type SubscribeOptions } from './shared-tail.js';

/** Where a log is now, when that may change. `look` finds out anew, and takes at most as long as that takes. */
type Endpoint = Readonly<{
  url: string;
  look: () => Promise<void>;
  onMove: (move: (url: string) => void) => void;
}>;

/** The client of one server. */
export type ServerLog = EventLog & Readonly<{ close: () => Promise<void> }>;

type FailoverOptions = Readonly<{
  /** Prefixes of all streams that the instance follows: their subscriptions share one. */
  followed: readonly string[];
  /** Events kept for followers that are not the fastest, at least; at most twice as many. */
  keptEvents: number;
  /** How long a read waits for the log to be back, and the pause between its tries. */
  patienceMs: number;
  pauseMs: number;
  /** How long the failure of an append is held back until the log answers again: a caller that tries again then succeeds. */
  appendPatienceMs: number;
  /** When appends are no longer tried because none is answered. */
  circuit: CircuitLimits;
  /** Called when the server dropped the shared subscription, which is open again by then. */
  onDropped: (error: unknown) => void;
  /** See the port. */
  maxAppendBytes: number;
}>;

const DEFAULTS: FailoverOptions = {
  followed: [],
  keptEvents: 500,
  patienceMs: 5_000,
  pauseMs: 100,
  appendPatienceMs: 2_000,
  circuit: { openAfterMs: 5_000, trialEveryMs: 1_000 },
  onDropped: () => undefined,
  maxAppendBytes: DEFAULT_MAX_APPEND_BYTES,
};
/** Nothing is ever written to it: reading it costs next to nothing. */
const NO_STREAM = 'where-is-the-log';

/**
 * The log as the application uses it: over the client of one server, which changes when the log moves to another node. What is
 * under way at the old endpoint then ends as it does when a connection is lost: subscriptions and reads with LogUnavailable,
 * appends with an unknown outcome. Subscriptions to the same streams share one.
 */
export class FailoverEventLog extends EventLog {
  private server: ServerLog;
  private readonly endpoint: Endpoint | undefined;
  private readonly options: FailoverOptions;
  private readonly tail: SharedTail;
  private readonly circuit: AppendCircuit;

  /** @param endpoint a URL stays: what fails there fails at once, as waiting for a move is of no use */
  constructor(endpoint: Endpoint | string, open: (url: string) => ServerLog, options: Partial<FailoverOptions> = {}) {
    super(options.maxAppendBytes);
    this.options = { ...DEFAULTS, ...options };
    this.circuit = new AppendCircuit(() => performance.now(), this.options.circuit);
    const log = { head: () => this.head(), subscribe: (asked: SubscribeOptions) => this.server.subscribe(asked) };
    const { followed, keptEvents, onDropped } = this.options;
    this.tail = new SharedTail(log, followed, keptEvents, onDropped);
    if (typeof endpoint === 'string') {
      this.server = open(endpoint);
      return;
    }
    this.endpoint = endpoint;
    this.server = open(endpoint.url);
    endpoint.onMove((url) => {
      const before = this.server;
      this.server = open(url);
      void before.close();
    });
  }

  read(...[stream, from]: Parameters<EventLog['read']>) {
    return this.patiently((server) => server.read(stream, from));
  }

  readPage(...[stream, page]: Parameters<EventLog['readPage']>) {
    return this.patiently((server) => server.readPage(stream, page));
  }

  head(): Promise<bigint | 'start'> {
    return this.patiently((server) => server.head());
  }

  page(...[after, limit]: Parameters<EventLog['page']>): Promise<readonly RecordedEvent[]> {
    return this.patiently((server) => server.page(after, limit));
  }

  at(position: bigint): Promise<RecordedEvent | 'none' | 'inside'> {
    return this.patiently((server) => server.at(position));
  }

  /** A caller that appends again, after an unknown outcome, does so where the log is by then. */
  async append(...[stream, events, expected]: Parameters<EventLog['append']>): Promise<Appended> {
    this.circuit.mustPass();
    const asked = this.server;
    try {
      const appended = await asked.append(stream, events, expected);
      this.circuit.answered();
      return appended;
    } catch (error) {
      if (!isVerdict(error) && this.endpoint) await this.back(asked, this.endpoint);
      this.circuit.failed(error);
      throw error;
    }
  }

  subscribe(options: SubscribeOptions): AsyncIterable<SubscriptionMessage> {
    return this.tail.subscribe(options);
  }

  close(): Promise<void> {
    return this.server.close();
  }

  /** A read has no effect, so it is simply made again where the log is by then. */
  private async patiently<Answer>(ask: (server: ServerLog) => Promise<Answer>): Promise<Answer> {
    const giveUpAt = performance.now() + this.options.patienceMs;
    for (;;) {
      const asked = this.server;
      try {
        return await ask(asked);
      } catch (error) {
        if (!this.endpoint || !(error instanceof LogUnavailable) || performance.now() > giveUpAt) throw error;
        await this.endpoint.look();
        if (asked === this.server) await delay(this.options.pauseMs);
      }
    }
  }

  /** Resolves when the log has moved away from `asked`, or answers there, or after a while. */
  private async back(asked: ServerLog, endpoint: Endpoint): Promise<void> {
    const { appendPatienceMs, pauseMs } = this.options;
    const giveUpAt = performance.now() + appendPatienceMs;
    const patience = new AbortController();
    const late = delay(appendPatienceMs, false, { signal: patience.signal }).catch(() => false);
    const answers = () =>
      asked.read(NO_STREAM).then(
        () => true,
        () => false,
      );
    while (performance.now() < giveUpAt) {
      await endpoint.look();
      if (asked !== this.server || (await Promise.race([answers(), late]))) break;
      await delay(pauseMs);
    }
    patience.abort();
  }
}
