/** A client: what it sends, the channels it has joined, what it is sent. */
import type { Duplex } from 'node:stream';
import type { RawData, WebSocket } from 'ws';
import type { OnError } from '../../application/runtime/errors.js';
import type { RowChanges } from '../../application/live/row-changes.js';
import { readBindings, stepsOf } from './binding.js';
import { TooMuchWork, type FilterBudget } from './filter-budget.js';
import {
  channelName,
  decodeFrame,
  encodeFrame,
  ended,
  readJoin,
  reply,
  systemMessage,
  type Message,
  type Ref,
  type Vsn,
} from './frames.js';
import type { RealtimeLimits } from './limits.js';
import type { Subscriptions } from './subscriptions.js';

/**
 * What is sent to one client in one turn of the process goes out with one call of the system. With many clients those calls are
 * most of the work, and where changes come faster than they can be sent there are more of them in a turn.
 */
export class Outlet {
  private isHeld = false;

  /** @param wire what the socket writes to */
  constructor(
    private readonly socket: WebSocket,
    private readonly wire: Duplex,
  ) {}

  send(frame: string | Buffer): void {
    if (!this.isHeld) {
      this.isHeld = true;
      this.wire.cork();
      process.nextTick(() => this.flush());
    }
    this.socket.send(frame, { binary: false });
  }

  /** Whether the client has more to take than so much; what was only held back does not count. */
  hasMoreThan(bytes: number): boolean {
    if (this.socket.bufferedAmount <= bytes) return false;
    this.flush();
    return this.socket.bufferedAmount > bytes;
  }

  private flush(): void {
    if (!this.isHeld) return;
    this.isHeld = false;
    this.wire.uncork();
  }
}

/** Messages of one client, second by second. */
class MessageRate {
  private since = -Infinity;
  private messages = 0;

  constructor(private readonly perSecond: number) {}

  /** Counts a message. @param now milliseconds, from any beginning */
  isTooMany(now: number): boolean {
    if (now - this.since >= 1_000) [this.since, this.messages] = [now, 0];
    return ++this.messages > this.perSecond;
  }
}

/** A topic that a client has joined. */
export type Channel = Readonly<{ connection: Connection; topic: string; joinRef: Ref; acksBroadcasts: boolean }> &
  Readonly<{ isSubscribed: boolean; steps: number; unsubscribe: () => void }>;

type ConnectionDependencies = Readonly<{
  tables: RowChanges['tables'];
  subscriptions: Subscriptions<Channel>;
  budget: FilterBudget<Connection>;
  limits: RealtimeLimits;
  /** Milliseconds, from any beginning. */
  now: () => number;
  onError: OnError;
}>;

/** Codes of RFC 6455. */
const [MALFORMED, POLICY, INTERNAL, TRY_AGAIN_LATER] = [1007, 1008, 1011, 1013];

export class Connection {
  /** Resolves when the socket is closed. */
  readonly closed: Promise<void>;
  private readonly channels = new Map<string, Channel>();
  private readonly openedAt: number;
  private lastHeardAt: number;
  private hasJoined = false;
  private filterSteps = 0;
  private cutOffAt: number | undefined;
  private readonly rate: MessageRate;
  private readonly outlet: Outlet;

  /** @param wire what the socket writes to */
  constructor(
    private readonly socket: WebSocket,
    wire: Duplex,
    readonly vsn: Vsn,
    private readonly dependencies: ConnectionDependencies,
  ) {
    this.outlet = new Outlet(socket, wire);
    this.rate = new MessageRate(dependencies.limits.messagesPerSecond);
    this.openedAt = this.lastHeardAt = dependencies.now();
    socket.on('message', (data, isBinary) => this.onMessage(data, isBinary));
    socket.on('ping', () => (this.lastHeardAt = dependencies.now()));
    // On a frame that is too large or broken the socket closes itself, with a code that names the cause.
    socket.on('error', () => undefined);
    this.closed = new Promise((resolve) => socket.once('close', () => resolve(this.forgetChannels())));
  }

  /** @param frame text; in a buffer where many clients are sent the same */
  send(frame: string | Buffer): void {
    if (this.cutOffAt !== undefined) return;
    this.outlet.send(frame);
    const { bufferBytes, slowCloseMs } = this.dependencies.limits;
    if (this.outlet.hasMoreThan(bufferBytes))
      this.close(TRY_AGAIN_LATER, 'Too slow: reconnect, and read again', slowCloseMs);
  }

  /** @param graceMs until it is cut off */
  close(code: number, reason: string, graceMs = this.dependencies.limits.closeMs): void {
    this.cutOffAt ??= this.dependencies.now() + graceMs;
    this.forgetChannels();
    this.socket.close(code, reason);
  }

  endForTooMuchWork(why: string): void {
    this.close(POLICY, `Too much work for the filters of this connection: ${why}`);
  }

  cutOff(): void {
    this.socket.terminate();
  }

  /** Closes what has been silent, or without a channel, for too long, and cuts off what does not answer a close. */
  checkTimeouts(): void {
    const { joinMs, silenceMs } = this.dependencies.limits;
    const now = this.dependencies.now();
    if (this.cutOffAt !== undefined) {
      if (now > this.cutOffAt) this.cutOff();
    } else if (now - this.lastHeardAt > silenceMs) this.close(POLICY, `Expected a heartbeat within ${silenceMs} ms`);
    else if (!this.hasJoined && now - this.openedAt > joinMs)
      this.close(POLICY, `Expected a channel to be joined within ${joinMs} ms`);
  }

  /** Ends the channels that follow changes, by messages after which client libraries join again by themselves. */
  askToRejoin(why: string): void {
    for (const channel of [...this.channels.values()].filter(({ isSubscribed }) => isSubscribed)) {
      this.forget(channel);
      this.write(systemMessage(channel.topic, channel.joinRef, 'error', why));
      this.write(ended(channel.topic, channel.joinRef, 'phx_error'));
    }
  }

  /** No client may be able to end the process, whatever fault it has found. */
  private onMessage(data: RawData, isBinary: boolean): void {
    try {
      this.receive(data, isBinary);
    } catch (error) {
      if (error instanceof TooMuchWork) return this.endForTooMuchWork(error.message);
      this.dependencies.onError('A message of a realtime client could not be treated', error);
      this.close(INTERNAL, 'The message could not be treated');
    }
  }

  private receive(data: RawData, isBinary: boolean): void {
    if (this.cutOffAt !== undefined) return;
    this.lastHeardAt = this.dependencies.now();
    if (this.rate.isTooMany(this.lastHeardAt)) return this.close(POLICY, 'Too many messages per second');
    const message = decodeFrame(data as Buffer, isBinary, this.vsn, this.dependencies.limits.frameMembers);
    if (!message) return this.close(MALFORMED, `Expected a message of Phoenix channels, version ${this.vsn}`);
    if (message.topic === 'phoenix' && message.event === 'heartbeat') return this.write(reply(message, 'ok'));
    if (message.event === 'phx_join') return this.join(message);
    const channel = this.channels.get(message.topic);
    if (channel) return this.handle(channel, message);
    if (message.event === 'phx_leave') return this.write(reply(message, 'ok'));
    this.write(reply(message, 'error', { reason: 'unmatched topic' }));
  }

  private handle(channel: Channel, message: Message): void {
    switch (message.event) {
      case 'phx_leave': {
        // A client that has joined anew may leave what it had joined before.
        const isMeant = message.joinRef === null || message.joinRef === channel.joinRef;
        if (isMeant) this.forget(channel);
        this.write(reply(message, 'ok'));
        if (isMeant) this.write(ended(channel.topic, channel.joinRef, 'phx_close'));
        return;
      }
      case 'broadcast':
        if (channel.acksBroadcasts) this.write(reply(message, 'ok'));
        return;
      case 'presence':
        return this.write(reply(message, 'ok'));
      default:
        // An access token is accepted and not needed: a client that may connect may read. Other events need no answer.
        return;
    }
  }

  private join(message: Message): void {
    const { topic, joinRef } = message;
    const { tables, limits, subscriptions, budget } = this.dependencies;
    const [before, name] = [this.channels.get(topic), channelName(topic)];
    const refuse = (reason: string) => this.write(reply(message, 'error', { reason }));
    if (name === null) return refuse('unmatched topic');
    if (name === '') return refuse('TopicNameRequired: You must provide a topic name');
    if (!before && this.channels.size >= limits.channels) return refuse('ChannelRateLimitReached: Too many channels');
    const request = readJoin(message.payload);
    if (!request) return refuse('Expected config.postgres_changes to be a list of objects');
    const { requested: asked, wantsPresence, acksBroadcasts, awaitsSubscriptions } = request;
    if (asked.length > limits.bindings) return refuse(`Expected at most ${limits.bindings} config.postgres_changes`);
    const room = { conditions: limits.conditions, steps: budget.roomFor(this.filterSteps - (before?.steps ?? 0)) };
    const spend = (read: number) => budget.spendForReading(this, read);
    const { bindings, refusal } = readBindings(asked, tables(), room, spend);
    const steps = stepsOf(bindings);
    if (awaitsSubscriptions && refusal !== undefined) return refuse(`RealtimeDisabledForConfiguration: ${refusal}`);
    if (before) {
      this.forget(before);
      this.write(ended(topic, before.joinRef, 'phx_close'));
    }
    this.hasJoined = true;
    this.write(reply(message, 'ok', { postgres_changes: asked.map(({ params, id }) => ({ ...params, id })) }));
    if (wantsPresence) this.write({ joinRef, ref: null, topic, event: 'presence_state', payload: {} });
    let remove: () => void = () => undefined;
    const [isSubscribed, unsubscribe] = [bindings.length > 0, () => remove()];
    const channel = { connection: this, topic, joinRef, acksBroadcasts, isSubscribed, steps, unsubscribe };
    this.channels.set(topic, channel);
    remove = subscriptions.add(channel, bindings);
    this.filterSteps += steps;
    budget.hold(steps);
    if (refusal !== undefined) this.write(systemMessage(topic, joinRef, 'error', refusal));
    else if (channel.isSubscribed) this.write(systemMessage(topic, joinRef, 'ok', 'Subscribed to PostgreSQL'));
  }

  private write(message: Message): void {
    this.send(encodeFrame(this.vsn, message));
  }

  private forget(channel: Channel): void {
    channel.unsubscribe();
    this.channels.delete(channel.topic);
    this.filterSteps -= channel.steps;
    this.dependencies.budget.hold(-channel.steps);
  }

  private forgetChannels(): void {
    for (const channel of [...this.channels.values()]) this.forget(channel);
  }
}
