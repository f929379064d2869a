/** One call on its way through the faulty server, message by message. */
import {
  constants,
  type ClientHttp2Stream,
  type IncomingHttpHeaders,
  type OutgoingHttpHeaders,
  type ServerHttp2Stream,
} from 'node:http2';
import type { Ending } from './answers.js';
import { Frames } from './frames.js';

/** What a kind of call does with messages. What comes behind a message waits for what is returned. */
export type Handling = Readonly<{
  asked: (frame: Buffer, call: Call) => void | Promise<void>;
  answered: (frame: Buffer, call: Call) => void | Promise<void>;
}>;

/** Resolves when the server is awake. */
type Awake = () => Promise<void>;

const END_STREAM = constants.NGHTTP2_FLAG_END_STREAM;

export class Call {
  private trailers: OutgoingHttpHeaders = {};
  /** What was asked and what is answered each keep their order. */
  private readonly lines = { up: Promise.resolve(), down: Promise.resolve() };
  private isOver = false;

  constructor(
    private readonly stream: ServerHttp2Stream,
    private readonly upstream: ClientHttp2Stream,
    readonly headers: IncomingHttpHeaders,
    private readonly awake: Awake,
    handling: Handling,
  ) {
    const [asked, answered] = [new Frames(), new Frames()];
    stream.on('data', (piece: Buffer) => {
      for (const frame of asked.take(piece)) this.inLine('up', () => handling.asked(frame, this));
    });
    stream.on('end', () => this.inLine('up', () => void this.upstream.end()));
    stream.on('error', () => undefined);
    stream.on('wantTrailers', () => stream.sendTrailers(this.trailers));
    stream.on('close', () => {
      this.isOver = true;
      upstream.close(constants.NGHTTP2_CANCEL);
    });
    upstream.on('response', (response, flags) => {
      const isAll = (flags & END_STREAM) !== 0;
      this.inLine('down', () => this.respond(response, isAll));
    });
    upstream.on('data', (piece: Buffer) => {
      for (const frame of answered.take(piece)) this.inLine('down', () => handling.answered(frame, this));
    });
    upstream.on('trailers', (trailers) => void (this.trailers = trailers));
    upstream.on('error', () => undefined);
    upstream.on('end', () => this.inLine('down', () => void (stream.writableEnded || stream.end())));
    upstream.on('close', () => {
      if (upstream.rstCode !== constants.NGHTTP2_NO_ERROR) this.inLine('down', () => this.reset());
    });
  }

  ask(frame: Buffer): void {
    if (!this.isOver && this.upstream.writable) this.upstream.write(frame);
  }

  answer(frame: Buffer): void {
    if (this.isOver || this.stream.writableEnded) return;
    this.open();
    if (this.stream.write(frame) || this.upstream.isPaused()) return;
    this.upstream.pause();
    this.stream.once('drain', () => this.upstream.resume());
  }

  /** From now on nothing passes, either way, for as long as the caller waits. */
  forget(): void {
    this.isOver = true;
  }

  end({ code, text, trailers = {} }: Ending): void {
    if (this.isOver || this.stream.writableEnded) return;
    this.isOver = true;
    const all = { 'grpc-status': String(code), 'grpc-message': encodeURI(text), ...trailers };
    if (this.stream.headersSent) {
      this.trailers = all;
      this.stream.end();
    } else this.stream.respond({ ...OK, ...all }, { endStream: true });
    this.upstream.close(constants.NGHTTP2_CANCEL);
  }

  /** The caller gets half of the message, and then the end of the stream. */
  breakIn(frame: Buffer): void {
    if (this.isOver) return;
    this.open();
    this.isOver = true;
    this.stream.write(frame.subarray(0, Math.ceil(frame.length / 2)), () => this.reset());
  }

  /** A call that was answered here has begun its answer already. */
  private respond(response: IncomingHttpHeaders, isAll: boolean): void {
    if (!this.stream.headersSent)
      return this.stream.respond(response, isAll ? { endStream: true } : { waitForTrailers: true });
    if (!isAll) return;
    this.trailers = Object.fromEntries(Object.entries(response).filter(([name]) => !name.startsWith(':')));
    this.stream.end();
  }

  private open(): void {
    if (!this.stream.headersSent) this.stream.respond(OK, { waitForTrailers: true });
  }

  private reset(): void {
    if (!this.stream.destroyed) this.stream.close(constants.NGHTTP2_INTERNAL_ERROR);
  }

  private inLine(line: 'up' | 'down', act: () => void | Promise<void>): void {
    this.lines[line] = this.lines[line].then(this.awake).then(() => {
      return this.isOver || this.stream.destroyed ? undefined : act();
    });
  }
}

const OK = { ':status': 200, 'content-type': 'application/grpc' };
