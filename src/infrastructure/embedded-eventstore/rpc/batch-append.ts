/** Many appends over one call. Each arrives in chunks under its correlation id and is answered once, in any order. */
import type { handleBidiStreamingCall, ServerDuplexStream } from '@grpc/grpc-js';
import { reasonOf } from '../../../application/runtime/errors.js';
import type { Limits } from '../limits.js';
import {
  batchAppendPart,
  shared,
  streams,
  type BatchAppendPart,
  type BatchAppendRequest,
  type Encoded,
  type Rpc,
  type Shared,
  type Streams,
} from '../wire/protocol.js';
import type { Expected } from '../wire/records.js';
import { invalidArgument, isRefusal, shuttingDown } from '../wire/errors.js';
import { appenderOf } from '../wire/appender.js';
import { encodeAppended } from '../wire/encode-answer.js';
import { joinedUpTo, type Joined } from '../wire/joined.js';
import type { HotAppend } from '../wire/hot-append.js';
import { parseUuid, ProposedEvents, writableNameOf, writableStreamName, unlessNone } from '../wire/events.js';
import { ADMINS, callerOf, type Caller } from '../wire/credentials.js';
import type { Access } from '../log/access.js';
import type { Writer } from '../log/writer.js';
import type { Outcome } from '../log/commit.js';
import { errorStatus, outcomeStatus, timeout } from './batch-answers.js';

type Call = ServerDuplexStream<BatchAppendRequest, Joined>;
const DENIED: Outcome = { kind: 'denied', reason: 'AccessDenied' };

type Complete = Readonly<{ stream: string; expected: Expected; proposed: ProposedEvents; deadline: number }>;
type Open = Complete & Readonly<{ timer: NodeJS.Timeout }>;

const WITHOUT_DEADLINE_MS = Number.MAX_SAFE_INTEGER;

export class BatchAppendCalls {
  private readonly running = new Set<BatchAppend>();

  constructor(
    private readonly writer: Writer,
    private readonly access: Access,
    private readonly limits: Limits,
  ) {}

  readonly handle: handleBidiStreamingCall<BatchAppendRequest, Joined> = (call) => {
    const batch = new BatchAppend(call, this.writer, this.access, this.limits);
    this.running.add(batch);
    call.once('close', () => this.running.delete(batch));
    call.once('cancelled', () => this.running.delete(batch));
    batch.start();
  };

  /** Clients keep their call open for as long as they live: ends those calls, when the writer has answered all. */
  close(): void {
    for (const batch of this.running) batch.refuse();
  }
}

class BatchAppend {
  private readonly open = new Map<string, Open>();
  private answers: Encoded[] = [];
  private committing = 0;
  private ended = false;
  private readonly caller: Caller;
  private readonly isAdmin: boolean;
  private readonly appender: string | undefined;

  constructor(
    private readonly call: Call,
    private readonly writer: Writer,
    private readonly access: Access,
    private readonly limits: Limits,
  ) {
    this.caller = callerOf(call.metadata);
    this.isAdmin = this.caller.groups.includes(ADMINS);
    this.appender = appenderOf(call.metadata);
  }

  start(): void {
    this.call.on('data', (request: BatchAppendRequest) => this.receive(request));
    this.call.on('end', () => {
      this.ended = true;
      this.forget(); // what is not complete by now never will be
      this.endIfDone();
    });
    this.call.on('error', () => this.forget());
    this.call.on('cancelled', () => this.forget());
  }

  refuse(): void {
    this.flush();
    if (!this.call.cancelled && !this.call.writableEnded) this.call.emit('error', shuttingDown());
  }

  private receive(request: BatchAppendRequest): void {
    if (request.kind !== 'hot') this.receivePart(request);
    else if (!this.commitHot(request)) this.receivePart(batchAppendPart(request.bytes));
  }

  /** False for what has to be refused or may belong to an unfinished append: nothing has happened to it then. */
  private commitHot({ correlation, stream, expected, spanMs, events }: HotAppend): boolean {
    if (this.open.size > 0 || (spanMs !== null && spanMs <= 0)) return false;
    const proposed = new ProposedEvents(this.limits);
    let name: string;
    try {
      name = writableNameOf(stream, this.limits);
      for (const { id, type, data, metadata } of events) proposed.take({ id, type, json: true, data, metadata });
    } catch (error) {
      if (isRefusal(error)) return false;
      throw error;
    }
    const deadline = spanMs === null ? WITHOUT_DEADLINE_MS : Date.now() + spanMs;
    void this.commit({ stream: name, expected, proposed, deadline }, correlation);
    return true;
  }

  private receivePart(request: BatchAppendPart): void {
    const correlation = request.getCorrelationId();
    let identifier = request.getOptions()?.getStreamIdentifier();
    try {
      const id = parseUuid(correlation);
      const options = request.getOptions();
      if (options && !this.open.has(id)) this.begin(id, correlation, options, request.spanMs);
      const append = this.open.get(id);
      if (!append) return; // the rest of a refused append
      identifier = new shared.StreamIdentifier().setStreamName(Buffer.from(append.stream));
      try {
        for (const message of request.getProposedMessagesList()) append.proposed.add(message);
      } catch (error) {
        this.close(id);
        throw error;
      }
      if (!request.getIsFinal()) return;
      this.close(id);
      void this.commit(append, correlation!.serializeBinary());
    } catch (error) {
      this.answer(correlation, identifier, errorStatus(error));
    }
  }

  private begin(
    id: string,
    correlation: Shared.UUID | undefined,
    options: Streams.BatchAppendReq.Options,
    spanMs: number | null,
  ): void {
    const stream = writableStreamName(options.getStreamIdentifier(), this.limits);
    if (this.open.size >= this.limits.maxOpenBatchAppends) {
      throw invalidArgument(`Expected at most ${this.limits.maxOpenBatchAppends} unfinished appends on one call`);
    }
    const expected = expectedPosition(options);
    const deadline = deadlineOf(options, spanMs);
    const patience = Math.min(deadline - Date.now(), this.limits.appendTimeoutMs);
    if (patience <= 0) return this.answer(correlation, options.getStreamIdentifier(), timeout());
    const timer = setTimeout(() => {
      if (this.open.delete(id)) this.answer(correlation, options.getStreamIdentifier(), timeout());
    }, patience);
    this.open.set(id, {
      stream,
      expected,
      proposed: new ProposedEvents(this.limits),
      deadline,
      timer,
    });
  }

  private close(id: string): void {
    clearTimeout(this.open.get(id)?.timer);
    this.open.delete(id);
  }

  /** @param correlation the message UUID */
  private async commit(append: Complete, correlation: Uint8Array): Promise<void> {
    const { stream, expected, proposed, deadline } = append;
    this.committing += 1;
    const change = { kind: 'append', stream, expected, events: proposed.events, appender: this.appender } as const;
    const submit = () => this.writer.submit(change, deadline - Date.now(), () => this.call.cancelled);
    const outcome = await (this.isAdmin
      ? submit()
      : this.access.isAllowed(this.caller, 'write', stream).then(
          (isAllowed) => (isAllowed ? submit() : DENIED),
          (error: unknown): Outcome => ({ kind: 'failed', reason: reasonOf(error) }),
        ));
    this.committing -= 1;
    if (outcome.kind === 'done') {
      const { revision, position, created } = outcome;
      this.write(encodeAppended({ correlation, stream, revision, position, created }));
    } else {
      const identifier = new shared.StreamIdentifier().setStreamName(Buffer.from(stream));
      this.answer(shared.UUID.deserializeBinary(correlation), identifier, outcomeStatus(outcome, stream, expected));
    }
    this.endIfDone();
  }

  private answer(
    correlation: Shared.UUID | undefined,
    identifier: Shared.StreamIdentifier | undefined,
    error: Rpc.Status,
  ): void {
    const response = new streams.BatchAppendResp().setCorrelationId(correlation).setError(error);
    response.setStreamIdentifier(identifier ?? new shared.StreamIdentifier());
    this.write(Buffer.from(response.serializeBinary()));
  }

  /** The answers of one commit come one after the other, and leave together behind the last of them. */
  private write(answer: Encoded): void {
    this.answers.push(answer);
    if (this.answers.length === 1) queueMicrotask(() => this.flush());
  }

  private flush(): void {
    const answers = this.answers.splice(0);
    if (this.call.cancelled || this.call.writableEnded) return;
    let isTaken = true;
    for (const joined of joinedUpTo(this.limits.sendAheadBytes, answers)) isTaken = this.call.write(joined);
    // A caller who does not read its answers is not read from either, so their number stays small.
    if (isTaken || this.call.isPaused()) return;
    this.call.pause();
    this.call.once('drain', () => this.call.resume());
  }

  private endIfDone(): void {
    if (!this.ended || this.committing > 0 || this.call.cancelled) return;
    this.flush();
    this.call.end();
  }

  private forget(): void {
    for (const id of this.open.keys()) this.close(id);
  }
}

function expectedPosition(options: Streams.BatchAppendReq.Options): Expected {
  if (options.hasAny()) return 'any';
  if (options.hasNoStream()) return 'no_stream';
  if (options.hasStreamExists()) return 'stream_exists';
  if (options.hasStreamPosition()) return unlessNone(options.getStreamPosition(), 'no_stream');
  throw invalidArgument('Expected a stream position: a number, any, no_stream or stream_exists');
}

/** On the clock of `Date.now()`. A span counts before an instant, which is of the caller's clock. */
function deadlineOf(options: Streams.BatchAppendReq.Options, spanMs: number | null): number {
  if (spanMs !== null) return Date.now() + spanMs;
  const deadline = options.getDeadline();
  return deadline ? deadline.getSeconds() * 1_000 + deadline.getNanos() / 1e6 : WITHOUT_DEADLINE_MS;
}
