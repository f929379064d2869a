/**
 * A server of EventStoreDB's protocol that does what real ones do at their worst, in front of one that works.
 *
 * `fault-proxy.ts` is the other half and stays apart: it is a bad line, knows bytes and connections and nothing of what they
 * mean, so it stands in front of anything. This knows calls, messages and appends, and nothing of the line. A trial may have
 * one behind the other.
 */
import { once } from 'node:events';
import { connect, createServer, type Http2Server, type ServerHttp2Session } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { UNAUTHENTICATED, type Endpoint } from './answers.js';
import { Call } from './call.js';
import { batchAppends, others, reads, type Behaviour } from './handlings.js';
import type { Mode } from './modes.js';

const APPEND = '/event_store.client.streams.Streams/BatchAppend';
const READ = '/event_store.client.streams.Streams/Read';
/** Answers that are reversed together, and how long the first of them waits for the others. */
const REVERSED = 4;
const REVERSE_WITHIN_MS = 50;

export type FaultyOptions = Readonly<{
  /** How late late answers are. Default 1 000. */
  lateMs?: number;
  /** Named where this one is not the leader. Default: this server, as after an election that its peers have not heard of. */
  leader?: Endpoint;
}>;

export class FaultyServer {
  private current: Mode | null = null;
  private over: Promise<void> = Promise.resolve();
  private end: () => void = () => undefined;
  private readonly sessions = new Set<ServerHttp2Session>();
  private readonly reversed: (() => void)[] = [];
  private readonly counts = new Map<Mode, number>();

  private constructor(
    private readonly server: Http2Server,
    private readonly target: Endpoint,
    private readonly options: FaultyOptions,
  ) {
    server.on('session', (session) => this.serve(session));
  }

  static async start(target: Endpoint, options: FaultyOptions = {}): Promise<FaultyServer> {
    const server = createServer();
    const faulty = new FaultyServer(server, target, options);
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return faulty;
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  get isFaulty(): boolean {
    return this.current !== null;
  }

  /** From now on it does that; null: nothing but what the server behind it does. */
  be(mode: Mode | null): void {
    this.end();
    this.current = mode;
    if (mode) this.over = new Promise((resolve) => (this.end = resolve));
    // Who a user is, is asked when a call begins: those that have begun end with the server that knew the user.
    if (mode === 'unauthenticated') this.drop();
  }

  /** To how many messages it has done what the mode says. */
  felt(mode: Mode): number {
    return this.counts.get(mode) ?? 0;
  }

  drop(): void {
    for (const session of this.sessions) session.destroy();
  }

  async close(): Promise<void> {
    this.be(null);
    this.drop();
    this.server.close();
    await once(this.server, 'close');
  }

  private serve(session: ServerHttp2Session): void {
    const { host, port } = this.target;
    const upstream = connect(`http://${host}:${port}`);
    this.sessions.add(session);
    session.on('error', () => undefined);
    session.on('close', () => {
      this.sessions.delete(session);
      upstream.destroy();
    });
    upstream.on('error', () => undefined);
    // A server that is gone is gone for its callers.
    upstream.on('close', () => session.destroy());
    const behaviour = this.behaviour();
    session.on('stream', (stream, headers) => {
      if (upstream.destroyed || upstream.closed) return stream.close();
      const path = String(headers[':path']);
      const handling = path === APPEND ? batchAppends : path === READ ? reads : (it: Behaviour) => others(it, path);
      const call = new Call(stream, upstream.request(headers), headers, () => this.awake(), handling(behaviour));
      if (this.current !== 'unauthenticated') return;
      behaviour.felt('unauthenticated');
      call.end(UNAUTHENTICATED);
    });
  }

  private behaviour(): Behaviour {
    return {
      mode: () => this.current,
      over: () => this.over,
      leader: () => this.options.leader ?? { host: '127.0.0.1', port: this.port },
      lateMs: this.options.lateMs ?? 1_000,
      reverse: (send) => this.reverse(send),
      felt: (mode) => void this.counts.set(mode, this.felt(mode) + 1),
    };
  }

  private async awake(): Promise<void> {
    while (this.current === 'stands still') {
      this.counts.set('stands still', this.felt('stands still') + 1);
      await this.over;
    }
  }

  private reverse(send: () => void): void {
    this.reversed.push(send);
    const sendAll = () => {
      for (const each of this.reversed.splice(0).toReversed()) each();
    };
    if (this.reversed.length >= REVERSED) sendAll();
    else if (this.reversed.length === 1) void delay(REVERSE_WITHIN_MS, undefined, { ref: false }).then(sendAll);
  }
}
