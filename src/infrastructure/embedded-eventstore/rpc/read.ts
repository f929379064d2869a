/** The Read call: reads and subscriptions of one stream or of `$all`. */
import { randomUUID } from 'node:crypto';
import type { handleServerStreamingCall } from '@grpc/grpc-js';
import { leftOutFor, positionsOnly } from '../wire/appender.js';
import { callerOf } from '../wire/credentials.js';
import type { Access } from '../log/access.js';
import { encodeReadEvent } from '../wire/encode-event.js';
import { parseFilter, parseSubscriptionFilter } from '../log/filter.js';
import { readAll, readStream, refuseTombstoned, resolveLinks, StreamNotFound, type From } from '../log/log-reads.js';
import { Outgoing, sendAll, type ReadCall, type Render } from '../wire/outgoing.js';
import type { Joined } from '../wire/joined.js';
import { streams, type Encoded, type Streams } from '../wire/protocol.js';
import { subscribeToStream, subscribeToAll, type Log } from '../log/subscriptions.js';
import {
  failed,
  handlerFailed,
  invalidArgument,
  isRefusal,
  readFailed,
  shuttingDown,
  tooManyReads,
} from '../wire/errors.js';
import { DELETED } from '../wire/records.js';
import { streamIdentifier, streamName, unlessNone } from '../wire/events.js';

export class ReadCalls {
  private readonly running = new Set<AbortController>();
  private closing = false;

  constructor(
    private readonly log: Log,
    private readonly access: Access,
  ) {}

  readonly handle: handleServerStreamingCall<Streams.ReadReq, Encoded | Joined> = (call) => {
    const { maxReads } = this.log.limits;
    if (this.closing) return void call.emit('error', shuttingDown());
    if (this.running.size >= maxReads) return void call.emit('error', tooManyReads(maxReads));
    const over = new AbortController();
    this.running.add(over);
    call.once('cancelled', () => over.abort());
    call.once('close', () => over.abort());
    this.serve(call, over.signal)
      .then(() => this.finish(call))
      .catch((error: unknown) => {
        if (!call.cancelled) call.emit('error', isRefusal(error) ? error : failed(String(error)));
      })
      .finally(() => this.running.delete(over));
  };

  /** Ends every subscription and read that is under way. */
  close(): void {
    this.closing = true;
    for (const over of this.running) over.abort();
  }

  private finish(call: ReadCall): void {
    if (call.cancelled) return;
    if (this.closing) call.emit('error', shuttingDown());
    else call.end();
  }

  private async serve(call: ReadCall, signal: AbortSignal): Promise<void> {
    const options = call.request.getOptions();
    if (!options) throw invalidArgument('Expected the options of the read, got none');
    if (!DIRECTIONS.includes(options.getReadDirection()))
      throw invalidArgument('Expected to read forwards or backwards');
    if (!options.hasFilter() && !options.hasNoFilter()) throw invalidArgument('Expected a filter or none, got neither');
    const out = new Outgoing(call, signal, this.log.limits.sendAheadBytes);
    const render = this.renderer(options);
    const [single, all] = [options.getStream(), options.getAll()];
    const stream = single && streamName(single.getStreamIdentifier(), this.log.limits);
    if (stream === undefined && !all) throw invalidArgument('Expected a stream or $all, got neither');
    await this.access.require(callerOf(call.metadata), 'read', stream ?? '$all');
    if (options.hasSubscription()) await this.subscribe(options, stream, render, out, leftOutFor(call.metadata));
    else if (options.hasCount()) await this.read(options, stream, render, out);
    else throw invalidArgument('Expected a count or a subscription, got neither');
  }

  private async subscribe(
    options: Streams.ReadReq.Options,
    stream: string | undefined,
    render: Render,
    out: Outgoing,
    leftOut: string | undefined,
  ): Promise<void> {
    if (options.getReadDirection() !== FORWARDS) throw invalidArgument('Expected a subscription to go forwards');
    const filter = options.getFilter();
    if (stream !== undefined) {
      if (filter) throw invalidArgument('Expected a filter on $all only');
      const from = fromRevision(options.getStream()!);
      if (typeof from === 'bigint' && from >= DELETED)
        throw handlerFailed(`Expected a revision below ${DELETED}, got ${from}`);
      if (from !== 'end') await refuseTombstoned(this.log.reader, stream);
      await out.send(confirmation());
      return subscribeToStream(this.log, stream, from, render, out);
    }
    const [from, wanted] = [fromPosition(options.getAll()!), filter && parseSubscriptionFilter(filter)];
    if (typeof from === 'bigint') await this.refuseNoPosition(from);
    if (leftOut !== undefined) out.sendMetadata(positionsOnly());
    await out.send(confirmation());
    await subscribeToAll(this.log, { from, filter: wanted, leftOut }, render, out);
  }

  /** A position beyond the end is as good as the end. */
  private async refuseNoPosition(from: bigint): Promise<void> {
    const { reader, tail } = this.log;
    if (from > 0n && from <= tail.last && !(await reader.has(from)))
      throw handlerFailed(`Expected the position of an event, got ${from}`);
  }

  private async read(
    options: Streams.ReadReq.Options,
    stream: string | undefined,
    render: Render,
    out: Outgoing,
  ): Promise<void> {
    const filter = options.getFilter();
    const direction = options.getReadDirection() === FORWARDS ? 'forwards' : 'backwards';
    const count = BigInt(options.getCount());
    const { reader, searches } = this.log;
    if (stream !== undefined) {
      if (filter) throw invalidArgument('Expected a filter on $all only');
      const from = fromRevision(options.getStream()!);
      if (count === 0n)
        throw readFailed('ReadStreamResult', 'Expected a count of at least 1 for the read of a stream, got 0');
      if (from === 'end' && direction === 'forwards')
        throw readFailed('ReadStreamResult', 'Expected a revision to read a stream forwards from, got its end');
      try {
        await sendPages(readStream(reader, { stream, from, direction, count }), render, out);
      } catch (error) {
        if (!(error instanceof StreamNotFound)) throw error;
        const notFound = new streams.ReadResp.StreamNotFound().setStreamIdentifier(streamIdentifier(stream));
        await out.send(new streams.ReadResp().setStreamNotFound(notFound));
      }
    } else {
      const wanted = {
        from: fromPosition(options.getAll()!),
        direction,
        count,
        filter: filter && parseFilter(filter),
      } as const;
      await sendPages(
        readAll(reader, (search) => searches.page(search, out), wanted, out.signal),
        render,
        out,
      );
    }
  }

  private renderer(options: Streams.ReadReq.Options): Render {
    const resolve = options.getResolveLinks();
    const structured = options.getUuidOption()?.hasStructured() ?? false;
    return async (events) => {
      const sendable = resolve ? await resolveLinks(this.log.reader, events) : events.map((event) => ({ event }));
      return sendable.map((event) => encodeReadEvent(event, structured));
    };
  }
}

type Pages = AsyncGenerator<Parameters<Render>[0]>;

/** The next page comes from the database while the second half of this one is sent. */
async function sendPages(pages: Pages, render: Render, out: Outgoing): Promise<void> {
  let page = await pages.next();
  while (!page.done && !out.signal.aborted) {
    const half = Math.floor(page.value.length / 2);
    await sendAll(page.value.slice(0, half), render, out);
    const next = pages.next();
    next.catch(() => undefined); // it may not be asked for
    await sendAll(page.value.slice(half), render, out);
    page = await next;
  }
}

const { FORWARDS, BACKWARDS } = streams.ReadReq.Options.ReadDirection;
const DIRECTIONS: readonly number[] = [FORWARDS, BACKWARDS];

function confirmation(): Streams.ReadResp {
  const confirmed = new streams.ReadResp.SubscriptionConfirmation().setSubscriptionId(randomUUID());
  return new streams.ReadResp().setConfirmation(confirmed);
}

function fromRevision(options: Streams.ReadReq.Options.StreamOptions): From {
  if (options.hasStart()) return 'start';
  if (options.hasEnd()) return 'end';
  if (options.hasRevision()) return unlessNone(options.getRevision(), 'end', handlerFailed);
  throw invalidArgument('Expected a revision: a number, start or end');
}

function fromPosition(options: Streams.ReadReq.Options.AllOptions): From {
  if (options.hasStart()) return 'start';
  if (options.hasEnd()) return 'end';
  const position = options.getPosition();
  if (position) {
    const [commit, prepare] = [position.getCommitPosition(), position.getPreparePosition()];
    const from = unlessNone<'end'>(commit, 'end', handlerFailed);
    if (BigInt(prepare) > BigInt(commit))
      throw handlerFailed(`Expected a prepare position of at most the commit position ${commit}, got ${prepare}`);
    return from;
  }
  throw invalidArgument('Expected a position: a number, start or end');
}
