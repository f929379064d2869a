/** Many appends over one call. Each arrives in chunks under its correlation id and is answered once, in any order. */
import type { handleBidiStreamingCall, ServerDuplexStream } from '@grpc/grpc-js';
import { reasonOf } from '../../../application/runtime/errors.js';
import type { Limits } from '../limits.js';
import {
  shared,
  streams,
  type BatchAppendRequest,
  type Encoded,
  type Rpc,
  type Shared,
  type Streams,
} from '../wire/protocol.js';
import type { Expected } from '../wire/records.js';
import { invalidArgument, shuttingDown } from '../wire/errors.js';
import { appenderOf } from '../wire/appender.js';
import { encodeAppended } from '../wire/encode-answer.js';
import { parseUuid, ProposedEvents, writableStreamName, unlessNone } from '../wire/events.js';
import { ADMINS, callerOf, type Caller } from '../wire/credentials.js';
import type { Access } from '../log/access.js';
import type { Writer } from '../log/writer.js';
import type { Outcome } from '../log/commit.js';
import { errorStatus, outcomeStatus, timeout } from './batch-answers.js';

type Call = ServerDuplexStream<BatchAppendRequest, Streams.BatchAppendResp | Encoded>;
const DENIED: Outcome = { kind: 'denied', reason: 'AccessDenied' };

type Open = { stream: string; expected: Expected; proposed: ProposedEvents; deadline: number; timer: NodeJS.Timeout };

const WITHOUT_DEADLINE_MS = Number.MAX_SAFE_INTEGER;

export class BatchAppendCalls {
  private readonly running = new Set<BatchAppend>();

  constructor(
    private readonly writer: Writer,
    private readonly access: Access,
    private readonly limits: Limits,
  ) {}

  readonly handle: handleBidiStreamingCall<BatchAppendRequest, Streams.BatchAppendResp | Encoded> = (call) => {
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
    if (!this.call.cancelled && !this.call.writableEnded) this.call.emit('error', shuttingDown());
  }

  private receive(request: BatchAppendRequest): void {
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
      void this.commit(append, correlation, identifier);
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

  private async commit(
    append: Open,
    correlation: Shared.UUID | undefined,
    identifier: Shared.StreamIdentifier,
  ): Promise<void> {
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
      this.write(encodeAppended({ correlation: correlation!.serializeBinary(), stream, revision, position, created }));
    } else this.answer(correlation, identifier, outcomeStatus(outcome, stream, expected));
    this.endIfDone();
  }

  private answer(
    correlation: Shared.UUID | undefined,
    identifier: Shared.StreamIdentifier | undefined,
    error: Rpc.Status,
  ): void {
    const response = new streams.BatchAppendResp().setCorrelationId(correlation).setError(error);
    this.write(response.setStreamIdentifier(identifier ?? new shared.StreamIdentifier()));
  }

  private write(response: Streams.BatchAppendResp | Encoded): void {
    if (this.call.cancelled || this.call.writableEnded) return;
    // A caller who does not read its answers is not read from either, so their number stays small.
    if (!this.call.write(response) && !this.call.isPaused()) {
      this.call.pause();
      this.call.once('drain', () => this.call.resume());
    }
  }

  private endIfDone(): void {
    if (this.ended && this.committing === 0 && !this.call.cancelled) this.call.end();
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
