/** Requests to servers of others, over connections that are kept. */
import type { Socket } from 'node:net';
import { Agent, buildConnector, Client, Pool, request, type Dispatcher } from 'undici';

/** Of each connection, as undici has it; `pipelining` and the connections themselves are made here. */
export type ConnectionLimits = Omit<Pool.Options, 'connect' | 'factory' | 'pipelining'>;

type OutgoingRequest = Readonly<{
  headers: Record<string, string>;
  /** A text, so that it can be sent twice. */
  body: string;
  signal: AbortSignal;
}>;

/** @param origin of the server that connections are made to */
type ConnectOptions = (origin: URL) => buildConnector.BuildOptions;

/**
 * A server may close a connection that was idle in the moment in which a request is sent over it: the request fails, though
 * nothing is wrong with the server. Such a request is sent once more, over a connection made for it. What fails on a new
 * connection has failed, and so has what breaks after the first byte of an answer. The same request may so reach a server
 * twice: it has to recognise the second, by an `Idempotency-Key` or a `webhook-id`.
 */
export class OutgoingHttp {
  private readonly kept: Agent;
  private readonly single: Agent;

  constructor(limits: ConnectionLimits, connectOptions: ConnectOptions) {
    this.kept = agentOf({ ...limits, pipelining: 1 }, connectOptions);
    // With a pipelining of 0 every request has a connection of its own.
    this.single = agentOf({ ...limits, pipelining: 0 }, connectOptions);
  }

  /** @throws what undici throws where no answer begins */
  async post(url: URL | string, { headers, body, signal }: OutgoingRequest): Promise<Dispatcher.ResponseData> {
    const sent = { method: 'POST', headers, body, signal } as const;
    const carried: Carried = {};
    try {
      return await request(url, Object.assign({ dispatcher: this.kept, [CARRIED]: carried }, sent));
    } catch (error) {
      if (signal.aborted || !isBroken(error) || !carried.brokeOnReuse?.()) throw error;
    }
    return request(url, { dispatcher: this.single, ...sent });
  }

  /** Ends what is still under way. */
  async destroy(): Promise<void> {
    await Promise.all([this.kept.destroy(), this.single.destroy()]);
  }
}

/** Travels with a request through undici, to the connection that carries it. */
const CARRIED = Symbol('carried');
type Carried = {
  /** Whether the connection had carried another request before, and no byte has come over it since this one was given to it. */
  brokeOnReuse?: () => boolean;
};

const agentOf = (options: Pool.Options, connectOptions: ConnectOptions): Agent =>
  new Agent({
    factory: (origin) => {
      const connect = buildConnector(connectOptions(new URL(origin)));
      const factory = (to: URL, given: object) => new OneConnection(to, given, connect);
      return new Pool(origin, { ...options, factory });
    },
  });

/** Knows the connection that it has at present. Requests follow one another on it, each after the answer to the one before. */
class OneConnection extends Client {
  private readonly present: { socket?: Socket | undefined };

  constructor(origin: URL, options: Client.Options, connector: buildConnector.connector) {
    const present: { socket?: Socket | undefined } = {};
    const connect: buildConnector.connector = (to, done) => {
      present.socket = undefined;
      connector(to, (...made) => {
        present.socket = made[1] ?? undefined;
        done(...made);
      });
    };
    super(origin, { ...options, connect });
    this.present = present;
  }

  override dispatch(options: Dispatcher.DispatchOptions, handler: Dispatcher.DispatchHandler): boolean {
    const { [CARRIED]: carried } = options as { [CARRIED]?: Carried };
    const { socket } = this.present;
    const bytes = socket?.bytesRead;
    // Another connection at the end: it was lost before the request was sent, which then went over a new one.
    if (carried)
      carried.brokeOnReuse = () =>
        socket !== undefined && socket === this.present.socket && socket.bytesRead === bytes && bytes > 0;
    return super.dispatch(options, handler);
  }
}

const BROKEN = new Set(['UND_ERR_SOCKET', 'ECONNRESET', 'ECONNABORTED', 'EPIPE', 'ETIMEDOUT']);

const isBroken = (error: unknown): boolean => BROKEN.has((error as { code?: string } | undefined)?.code ?? '');
