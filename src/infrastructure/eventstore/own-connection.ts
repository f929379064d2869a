/**
 * A call for appends over an HTTP/2 connection of its own: all that is appended in one turn of the event loop leaves in one
 * write. The library sends one message of a call at a time, each through a chain of promises and filters.
 */
import {
  connect,
  constants,
  type ClientHttp2Session,
  type ClientHttp2Stream,
  type IncomingHttpHeaders,
} from 'node:http2';
import { status } from '@grpc/grpc-js';
import type { AppendCall, Heard, OpenAppendCall } from './append-call.js';
import { decodeAnswer } from './append-messages.js';
import { authorizationOf } from './connect.js';
import type { EsdbAddress } from './esdb-url.js';
import type { Headers } from './streams-client.js';

const PATH = '/event_store.client.streams.Streams/BatchAppend';
/** Of a message in the data of a stream: a flag, and four bytes of length. */
const PREFIX_BYTES = 5;
/** Of one answer; as much as the library takes. */
const MAX_ANSWER_BYTES = 4 * 1024 * 1024;
const WINDOW_BYTES = 1024 * 1024;
const MAX_SESSION_MEGABYTES = 64;
/** As the client has them. */
const [PING_EVERY_MS, PONG_WITHIN_MS] = [10_000, 10_000];

/** Whether a server of this address can be reached so: one host, without TLS. */
export const isPlain = ({ isCluster, hasTls, hosts }: EsdbAddress): boolean =>
  !isCluster && !hasTls && hosts.length === 1;

export const ownConnection =
  (address: EsdbAddress, headers: Headers): OpenAppendCall =>
  (heard) =>
    new Promise((resolve, reject) => {
      const call = new Http2AppendCall(address, headers, {
        ...heard,
        lost: (error: Error) => {
          heard.lost(error);
          reject(error);
        },
      });
      call.session.once('connect', () => resolve(call));
    });

class Http2AppendCall implements AppendCall {
  readonly session: ClientHttp2Session;
  private readonly stream: ClientHttp2Stream;
  private readonly answers: Answers;
  private readonly pinging: NodeJS.Timeout | undefined;
  private isConnected = false;
  private isOver = false;
  private waiting: Buffer[] = [];

  constructor(
    { hosts, credentials, parameters }: EsdbAddress,
    headers: Headers,
    private readonly heard: Heard,
  ) {
    const { address, port } = hosts[0]!;
    this.answers = new Answers(heard);
    this.session = connect(`http://${address}:${port}`, {
      settings: { enablePush: false, initialWindowSize: WINDOW_BYTES },
      maxSessionMemory: MAX_SESSION_MEGABYTES,
    });
    this.session.once('connect', () => {
      this.isConnected = true;
      this.session.setLocalWindowSize(WINDOW_BYTES);
    });
    this.session.on('error', (error: Error) => this.lose(this.isConnected ? error : neverSent(error)));
    this.session.on('close', () => this.lose(new Error('The connection for appends was closed')));
    this.session.on('goaway', () => this.lose(new Error('The server closes the connection for appends')));
    this.stream = this.session.request({
      ...headers,
      ...(credentials && { authorization: authorizationOf(credentials) }),
      ...{ ':method': 'POST', ':path': PATH, 'content-type': 'application/grpc', te: 'trailers' },
    });
    this.listen();
    const { keepAliveInterval = PING_EVERY_MS, keepAliveTimeout = PONG_WITHIN_MS } = parameters;
    if (keepAliveInterval > 0) this.pinging = setInterval(() => this.ping(keepAliveTimeout), keepAliveInterval).unref();
  }

  write(message: Buffer): void {
    if (this.isOver) return;
    if (this.waiting.length === 0) setImmediate(this.flush);
    const prefix = Buffer.allocUnsafe(PREFIX_BYTES);
    prefix[0] = 0;
    prefix.writeUInt32BE(message.length, 1);
    this.waiting.push(prefix, message);
  }

  cancel(): void {
    this.lose(new Error('The call for appends was cancelled'));
  }

  private readonly flush = (): void => {
    const written = Buffer.concat(this.waiting);
    this.waiting = [];
    if (!this.isOver) this.stream.write(written);
  };

  private listen(): void {
    let ending: IncomingHttpHeaders = {};
    this.stream.on('response', (response) => {
      ending = response;
      if (response[':status'] !== 200)
        this.lose(new Error(`The call for appends got HTTP status ${response[':status']}`));
    });
    this.stream.on('trailers', (trailers: IncomingHttpHeaders) => void (ending = trailers));
    this.stream.on('data', (chunk: Buffer) => {
      try {
        this.answers.take(chunk);
      } catch (error) {
        this.lose(error as Error);
      }
    });
    this.stream.on('error', (error: Error) => this.lose(error));
    // Not by its close alone: this side of the stream stays open.
    const over = () => this.lose(endingOf(ending, this.stream.rstCode));
    this.stream.on('end', over);
    this.stream.on('close', over);
  }

  /** A line on which nothing comes back is lost, also where nothing says so. */
  private ping(withinMs: number): void {
    const late = setTimeout(() => this.lose(new Error(`no answer to a ping within ${withinMs} ms`)), withinMs).unref();
    const isSent = !this.isOver && this.session.ping(() => clearTimeout(late));
    if (!isSent) clearTimeout(late);
  }

  private lose(error: Error): void {
    if (this.isOver) return;
    this.isOver = true;
    clearInterval(this.pinging);
    this.session.destroy();
    this.heard.lost(error);
  }
}

/** Cuts what arrives into answers. */
class Answers {
  private rest: Buffer | undefined;

  constructor(private readonly heard: Heard) {}

  /** @throws RangeError */
  take(chunk: Buffer): void {
    const bytes = this.rest ? Buffer.concat([this.rest, chunk]) : chunk;
    let at = 0;
    while (bytes.length - at >= PREFIX_BYTES) {
      const length = bytes.readUInt32BE(at + 1);
      if (bytes[at] !== 0 || length > MAX_ANSWER_BYTES)
        throw new RangeError(`Expected an answer of at most ${MAX_ANSWER_BYTES} bytes that is not compressed`);
      const from = at + PREFIX_BYTES;
      if (bytes.length - from < length) break;
      at = from + length;
      this.heard.answered(decodeAnswer(bytes.subarray(from, at)));
    }
    this.rest = at < bytes.length ? bytes.subarray(at) : undefined;
  }
}

const OK: number = status.OK;

const neverSent = (cause: Error): Error =>
  new Error(`No connection established: ${cause.message || String((cause as { code?: unknown }).code)}`, { cause });

/** How the server ended the call: by a status in its trailers, or by a reset of the stream. */
const endingOf = (trailers: IncomingHttpHeaders, rstCode: number | undefined): Error => {
  const given = Number(trailers['grpc-status'] ?? NaN);
  const code = Number.isNaN(given) && rstCode !== constants.NGHTTP2_NO_ERROR ? status.INTERNAL : given;
  if (Number.isNaN(code) || code === OK) return new Error('The server has ended the call for appends');
  const said = textOf(trailers['grpc-message']) || `the stream was reset (code ${rstCode})`;
  return Object.assign(new Error(`${code} ${status[code] ?? 'UNKNOWN'}: ${said}`), { code });
};

/** Percent-encoded by the protocol; as it came where it is not. */
const textOf = (given: string | string[] | undefined): string => {
  const text = String(given ?? '');
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
};
