/** A client: what it sends, the channels it has joined, what it is sent. */
import type { Duplex } from 'node:stream';
import type { RawData, WebSocket } from 'ws';
import { Unauthenticated, type Principal } from '../../application/access/principal.js';
import { NotReady, type OnError } from '../../application/runtime/errors.js';
import type { RowChanges } from '../../application/live/row-changes.js';
import { Credentials, type Opening, type RealtimeAccess } from './access.js';
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
import { MessageRate, Outlet } from './outlet.js';
import type { Subscriptions } from './subscriptions.js';

/** A topic that a client has joined. */
export type Channel = Readonly<{ connection: Connection; topic: string; joinRef: Ref; acksBroadcasts: boolean }> &
  Readonly<{ tables: readonly string[]; isSubscribed: boolean; steps: number; unsubscribe: () => void }> & {
    /** Whose it is; null where nobody is asked. A later token may be another's. */
    principal: Principal | null;
  };

type ConnectionDependencies = Readonly<{
  tables: RowChanges['tables'];
  subscriptions: Subscriptions<Channel>;
  budget: FilterBudget<Connection>;
  limits: RealtimeLimits;
  /** Null where nobody is asked. */
  access: RealtimeAccess | null;
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
  private waitsSince: number;
  private lastHeardAt: number;
  private hasJoined = false;
  private filterSteps = 0;
  private cutOffAt: number | undefined;
  private readonly credentials: Credentials | null;
  /** What came while a credential is being checked; null where none is. */
  private held: Message[] | null = null;
  private readonly rate: MessageRate;
  private readonly outlet: Outlet;

  /** @param wire what the socket writes to */
  constructor(
    private readonly socket: WebSocket,
    wire: Duplex,
    readonly vsn: Vsn,
    opening: Opening,
    private readonly dependencies: ConnectionDependencies,
  ) {
    const { access } = dependencies;
    const ended = (principal: Principal, why: string) => this.endChannelsOf(principal, why);
    this.credentials = access && new Credentials(access, opening, ended);
    this.outlet = new Outlet(socket, wire);
    this.rate = new MessageRate(dependencies.limits.messagesPerSecond);
    this.waitsSince = this.lastHeardAt = dependencies.now();
    socket.on('message', (data, isBinary) => this.onMessage(data, isBinary));
    socket.on('ping', () => (this.lastHeardAt = dependencies.now()));
    // On a frame that is too large or broken the socket closes itself, with a code that names the cause.
    socket.on('error', () => undefined);
    this.closed = new Promise((resolve) =>
      socket.once('close', () => {
        this.cutOffAt ??= dependencies.now();
        resolve(this.forgetAll());
      }),
    );
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
    this.forgetAll();
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
    else if (!this.hasJoined && now - this.waitsSince > joinMs)
      this.close(POLICY, `Expected a channel to be joined within ${joinMs} ms`);
  }

  /** Ends the channels that follow changes, by messages after which client libraries join again by themselves. */
  askToRejoin(why: string): void {
    for (const channel of [...this.channels.values()].filter(({ isSubscribed }) => isSubscribed))
      this.endWithError(channel, why);
  }

  /** What the credential proved no longer holds: the client has to join again, under one that counts. */
  private endChannelsOf(principal: Principal, why: string): void {
    for (const channel of [...this.channels.values()].filter((each) => each.principal === principal))
      this.endWithError(channel, why);
    if (this.channels.size > 0) return;
    this.hasJoined = false;
    this.waitsSince = this.dependencies.now();
  }

  private endWithError(channel: Channel, why: string): void {
    if (this.channels.get(channel.topic) !== channel) return;
    this.forget(channel);
    this.releaseUnused(channel.principal);
    this.write(systemMessage(channel.topic, channel.joinRef, 'error', why));
    this.write(ended(channel.topic, channel.joinRef, 'phx_error'));
  }

  /** No client may be able to end the process, whatever fault it has found. */
  private onMessage(data: RawData, isBinary: boolean): void {
    this.guarded(() => this.receive(data, isBinary));
  }

  private guarded(act: () => void): void {
    try {
      act();
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
    if (!this.held) return this.treat(message);
    if (this.held.push(message) > this.dependencies.limits.messagesPerSecond)
      this.close(POLICY, 'Too many messages while a credential is checked');
  }

  private treat(message: Message): void {
    if (message.topic === 'phoenix' && message.event === 'heartbeat') return this.write(reply(message, 'ok'));
    if (message.event === 'phx_join')
      return this.admit(
        message,
        (principal) => this.join(message, principal),
        (why) => this.write(reply(message, 'error', { reason: why })),
      );
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
        if (isMeant) {
          this.forget(channel);
          this.releaseUnused(channel.principal);
        }
        this.write(reply(message, 'ok'));
        if (isMeant) this.write(ended(channel.topic, channel.joinRef, 'phx_close'));
        return;
      }
      case 'broadcast':
        if (channel.acksBroadcasts) this.write(reply(message, 'ok'));
        return;
      case 'presence':
        return this.write(reply(message, 'ok'));
      case 'access_token':
        return this.admit(
          message,
          (principal) => this.handOver(channel, principal),
          (why) => this.endWithError(channel, why),
        );
      default:
        return;
    }
  }

  /**
   * @param act with whom the message's credential proves; null where nobody is asked
   * @param refuse where it proves nobody
   */
  private admit(message: Message, act: (principal: Principal | null) => void, refuse: (why: string) => void): void {
    const { credentials } = this;
    if (!credentials) return act(null);
    const denied = (error: unknown) => {
      if (error instanceof Unauthenticated) credentials.denied(error);
      else if (!(error instanceof NotReady)) throw error;
      refuse(`${error instanceof NotReady ? 'Unavailable' : 'Unauthorized'}: ${error.message}`);
    };
    let found: Principal | Promise<Principal>;
    try {
      found = credentials.principalFor(message.payload);
    } catch (error) {
      return denied(error);
    }
    const proceed = (principal: Principal) => {
      // Since it was checked it may have ended.
      if (!credentials.holds(principal)) return refuse('Unauthorized: the credential has ended');
      act(principal);
      this.releaseUnused(principal);
    };
    if (!(found instanceof Promise)) return proceed(found);
    this.held = [];
    const settle = (treat: () => void) => {
      if (this.cutOffAt === undefined) this.guarded(treat);
      this.goOn();
    };
    found.then(
      (principal) => settle(() => proceed(principal)),
      (error: unknown) => settle(() => denied(error)),
    );
  }

  /** In the order in which they came; one of them may have to wait for its credential again. */
  private goOn(): void {
    const held = this.held ?? [];
    this.held = null;
    for (const message of held) {
      if (this.cutOffAt !== undefined) return;
      if (this.held) (this.held as Message[]).push(message);
      else this.guarded(() => this.treat(message));
    }
  }

  private handOver(channel: Channel, principal: Principal | null): void {
    const { principal: before } = channel;
    if (!principal || !before || principal === before || this.channels.get(channel.topic) !== channel) return;
    const refusal = this.credentials?.refusalFor(principal, channel.tables) ?? null;
    if (refusal !== null) return this.endWithError(channel, `Unauthorized: ${refusal}`);
    channel.principal = principal;
    this.releaseUnused(before);
  }

  private join(message: Message, principal: Principal | null): void {
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
    const followed = [...new Set(bindings.flatMap((binding) => binding.tables.map(({ table }) => table)))];
    const denial = principal && (this.credentials?.refusalFor(principal, followed) ?? null);
    if (denial !== null) return refuse(`Unauthorized: ${denial}`);
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
    const channel = {
      ...{ connection: this, topic, joinRef, acksBroadcasts, isSubscribed, steps, unsubscribe },
      ...{ tables: followed, principal },
    };
    this.channels.set(topic, channel);
    this.releaseUnused(before?.principal ?? null);
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

  private releaseUnused(principal: Principal | null): void {
    if (principal && ![...this.channels.values()].some((channel) => channel.principal === principal))
      this.credentials?.release(principal);
  }

  private forgetAll(): void {
    for (const channel of [...this.channels.values()]) this.forget(channel);
    this.credentials?.end();
  }
}
