/** The access log: what was denied and given out, in streams of the event log, one for each day. */
import {
  accessLog,
  accessLogStream,
  readAccessLogEvent,
  type AccessLogEvent,
  type Denial,
  type DenialCode,
  type Sum,
  type Who,
} from '../../domain/access/log.js';
import type { Actor, CommandContext } from '../log/envelope.js';
import { linkOf } from '../log/event-hash.js';
import type { EventLog } from '../log/event-log.js';
import type { Ids } from '../log/ids.js';
import { SmallStream, type SmallFold } from '../log/small-stream.js';
import { every, type Clock } from '../runtime/clock.js';
import { NotReady, type Notify, type OnError } from '../runtime/errors.js';
import { DenialSums, MOST_DENIALS, sumOf } from './denials.js';
import { networkOf } from './network.js';
import { Forbidden, isVerified, type Principal, type Unauthenticated } from './principal.js';

export type AccessLogLimits = Readonly<{
  /** Between two writes of what is not urgent. */
  everyMs: number;
  /** Subjects and routes told apart between two writes. */
  denials: number;
  /** Entries that wait while the log is away; of more only the number is kept. */
  waiting: number;
  /** Entries of one append. */
  batch: number;
}>;

export const DEFAULT_ACCESS_LOG_LIMITS: AccessLogLimits = {
  everyMs: 60_000,
  denials: MOST_DENIALS,
  waiting: 2_000,
  batch: 100,
};

type Ports = Readonly<{ log: EventLog; clock: Clock; ids: Ids }>;

/** Entries whose append was tried: they go the same way again until it is known that they are in the log. */
type Batch = Readonly<{ context: CommandContext; entries: readonly AccessLogEvent[] }>;

const stream = new SmallStream(accessLog, readAccessLogEvent);

/** How far back a repeated append is looked for. */
const TAIL = 500;

const WRITER: Actor = { type: 'system', id: 'access-log' };

/** What asked for something, as far as it is known. `route`: method and template. */
export type Asked = Readonly<{ principal: Principal | null; address: string | undefined; route: string }>;

export class AccessLog {
  private readonly sums: DenialSums;
  private waiting: AccessLogEvent[] = [];
  private batch: Batch | null = null;
  private lost: Sum | null = null;
  private readonly ending = new AbortController();
  private writing: Promise<void> = Promise.resolve();

  /** @param isOn false in mode `local`, where nobody is known: then nothing is recorded */
  constructor(
    private readonly ports: Ports,
    private readonly isOn: boolean,
    private readonly reports: Readonly<{ onError: OnError; notify: Notify }>,
    private readonly limits: AccessLogLimits = DEFAULT_ACCESS_LOG_LIMITS,
  ) {
    this.sums = new DenialSums(limits.denials);
  }

  /** A request that was refused for who asked. Costs no more than a sum. */
  denied(error: Unauthenticated | Forbidden, asked: Asked): void {
    if (this.isOn) this.sums.add(denialOf(error, asked), this.ports.clock.now());
  }

  /** Somebody signed in over a page. */
  signedIn(actor: Actor): void {
    this.note({ type: 'SignedIn', data: { who: whoOf(actor), at: this.now() } });
  }

  /** Somebody proved once more who they are, in order to sign. */
  signedInFreshly(actor: Actor): void {
    this.note({ type: 'SignedInFreshly', data: { who: whoOf(actor), at: this.now() } });
  }

  /** Resolves when it is in the log. @throws NotReady where it cannot be recorded: the pack is then not to be given out */
  async packExported({ actor }: Principal, executionId: string, requestId?: string): Promise<void> {
    if (!this.isOn) return;
    const context = { ...this.context(actor), requestId };
    const entry = { type: 'AuditPackExported', data: { who: whoOf(actor), executionId, at: this.now() } } as const;
    try {
      await this.write({ context, entries: [entry] });
    } catch (cause) {
      const message =
        'That this audit pack is given out cannot be recorded in the access log now, so it is not given out; ask again';
      throw new NotReady(message, { cause });
    }
  }

  start(): void {
    const failed = (error: unknown) =>
      this.reports.onError('The access log cannot be written: its entries wait', error);
    this.writing = every(this.ports.clock, this.limits.everyMs, this.ending.signal, () => this.flush(), failed);
  }

  async stop(): Promise<void> {
    this.ending.abort();
    await this.writing;
    const failed = (error: unknown) =>
      this.reports.onError(`${this.entriesWaiting} entries of the access log were not written and are lost`, error);
    await this.flush().catch(failed);
  }

  /** Writes all that waits. @throws what the log answers; the rest goes on waiting then */
  async flush(): Promise<void> {
    for (const entry of this.sums.take()) this.note(entry);
    for (let next = this.nextBatch(); next; next = this.nextBatch()) {
      this.batch = next;
      await this.write(next);
      this.batch = null;
    }
  }

  private nextBatch(): Batch | null {
    if (this.batch) return this.batch;
    const entries = this.waiting.splice(0, this.limits.batch);
    if (entries.length === 0 && this.lost) {
      entries.push({ type: 'AccessLogEntriesLost', data: this.lost });
      this.lost = null;
    }
    return entries.length > 0 ? { context: this.context(WRITER), entries } : null;
  }

  private get entriesWaiting(): number {
    return this.waiting.length + (this.batch?.entries.length ?? 0);
  }

  private note(entry: AccessLogEvent): void {
    if (!this.isOn) return;
    if (this.entriesWaiting < this.limits.waiting) {
      this.waiting.push(entry);
      return;
    }
    const { count, from, until } = sumOf(entry);
    if (this.lost === null)
      this.reports.notify(
        'error',
        `${this.limits.waiting} entries of the access log wait: more are counted only, and lost`,
      );
    this.lost = this.lost ? { count: this.lost.count + count, from: this.lost.from, until } : { count, from, until };
  }

  /** In the stream of the day on which it was first tried: so a repeat meets what an earlier try left. */
  private async write({ context, entries }: Batch): Promise<void> {
    const { log } = this.ports;
    const name = accessLogStream(context.at.toISOString().slice(0, 'yyyy-mm-dd'.length));
    await stream.execute(this.ports, name, entries, context, () => this.tailOf(log, name));
  }

  /** The end of the stream is enough to append behind it: a day may have many entries. */
  private async tailOf(log: EventLog, name: string): Promise<SmallFold<null>> {
    const tail = await log.readPage(name, { direction: 'backwards', from: 'end', limit: TAIL });
    const last = tail[0];
    if (!last) return stream.unread;
    const commands = tail.toReversed().flatMap(({ metadata }) => {
      const { commandId } = (metadata ?? {}) as Partial<CommandContext>;
      return typeof commandId === 'string' ? [commandId] : [];
    });
    return { state: null, revision: last.revision, commands: [...new Set(commands)], link: linkOf(last) };
  }

  private context(actor: Actor): CommandContext {
    const { ids, clock } = this.ports;
    const none = { reason: null, causationId: null, traceparent: null };
    return { commandId: ids.uuid(), at: clock.now(), actor, ...none };
  }

  private now(): string {
    return this.ports.clock.now().toISOString();
  }
}

const whoOf = ({ type, id, issuer }: Actor): Who => (issuer === undefined ? { type, id } : { type, id, issuer });

const denialOf = (error: Unauthenticated | Forbidden, { principal, address, route }: Asked): Denial => {
  const isKnown = principal !== null && isVerified(principal);
  const who = isKnown ? whoOf(principal.actor) : null;
  const code: DenialCode = error instanceof Forbidden ? 'FORBIDDEN' : error.code;
  const permission = error instanceof Forbidden ? error.permission : null;
  return { who, address: isKnown ? null : networkOf(address), route, code, permission };
};
