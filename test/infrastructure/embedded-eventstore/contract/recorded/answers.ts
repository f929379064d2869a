/** Answers as they were recorded: one line for an event or an error, without what differs from one time to the next. */
import { status, type ServiceError } from '@grpc/grpc-js';
import type { Position, RecordedEvent, ResolvedEvent } from '@eventstore/db-client';
import type { Step } from './script.js';

type Resolved = ResolvedEvent & { commitPosition?: bigint; retryCount?: number };
type Shown = Pick<Step, 'full' | 'positions'>;

type Failure = Readonly<{ type?: string; name: string; message?: string }>;

const LONG_TEXT = 400;
const LONG_DATA = 200;
const POSITIONS = ['position', 'commit', 'prepare'];
const UUID = /[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g;

export class Answers {
  private readonly labels = new Map<string, string>();
  private readonly positions = new Set<bigint>();

  constructor(
    private readonly word: string,
    private readonly address: string,
  ) {}

  knows(id: string, label: string): void {
    this.labels.set(id, label);
  }

  /** Of what was written: the stream's new revision, and whether the position was seen before. */
  written(result: object & { position?: Position }): unknown {
    const { position, ...rest } = result;
    const at = position?.commit;
    let place = at === undefined ? 'none' : this.positions.has(at) ? 'known' : 'new';
    if (at !== position?.prepare) place += ', prepare differs';
    if (at !== undefined) this.positions.add(at);
    const { success, nextExpectedRevision } = rest as { success?: boolean; nextExpectedRevision?: bigint };
    if (Object.keys(rest).length === 0) return place;
    return success === true ? `${nextExpectedRevision} ${place}` : this.value({ ...rest, position: place });
  }

  isMine({ event, link }: ResolvedEvent): boolean {
    return [event, link].some((record) => record?.streamId.includes(this.word));
  }

  event({ event, link, commitPosition, retryCount }: Resolved, { full, positions }: Shown): string {
    const target = event ? this.record(event, full) : 'nothing';
    let text = link ? `${this.record(link, full)} -> ${target}` : target;
    const at = (record?: RecordedEvent) => (record ? this.position(record.position?.commit) : 'none');
    if (positions) {
      text += ` position ${at(event)}${link ? ` link position ${at(link)}` : ''}`;
      text += ` commitPosition ${commitPosition === undefined ? 'none' : this.position(commitPosition)}`;
    }
    return retryCount === undefined ? text : `${text} retries ${retryCount}`;
  }

  private record({ streamId, revision, type, id, data, metadata, isJson }: RecordedEvent, full = false): string {
    const head = `${this.text(streamId)}@${revision} ${this.text(type)} ${this.labels.get(id) ?? 'id'}`;
    if (!full) return head;
    const content = (value: unknown) =>
      value instanceof Uint8Array
        ? `bytes(${this.data(Buffer.from(value).toString('latin1'))})`
        : this.data(JSON.stringify(value));
    return `${head} ${isJson ? 'json' : 'binary'} ${content(data)} ${content(metadata)}`;
  }

  private data(text: string | undefined): string {
    if (text === undefined) return 'undefined';
    return text.length > LONG_DATA ? `${text.length} characters` : this.text(text);
  }

  failure(error: unknown): string {
    const { type, name, message = '', ...rest } = error as Record<string, unknown> & Failure;
    const { streamName, expectedVersion, actualVersion, maxAppendSize, groupName, reason } = rest;
    const text = this.text(message);
    const more = Object.entries({ streamName, expectedVersion, actualVersion, maxAppendSize, groupName, reason })
      .filter(([, value]) => value !== undefined)
      .map(([key, value]) => [key, this.text(value)] as const)
      .filter(([, value]) => !text.includes(value))
      .map(([key, value]) => `${key}=${value}`);
    return [`! ${type ?? name}`, ...(text ? [text] : []), ...more].join(' ');
  }

  status({ code, details }: ServiceError): string {
    return `${status[code]} ${this.text(details)}`;
  }

  /** Names and ids as they stand in the case. */
  private text(given: unknown): string {
    let text = String(given).replaceAll(this.word, '~').replaceAll(this.address, 'HOST');
    if (text.search(UUID) >= 0) for (const [id, label] of this.labels) text = text.replaceAll(id, label);
    text = text.replace(UUID, 'UUID').replace(/(Deadline exceeded) after .*/, '$1');
    text = text.replace(/(\S)\1{40,}/g, (run) => `${run[0]}*${run.length}`);
    return text.length > LONG_TEXT ? `${text.slice(0, 100)}... (${text.length} characters)` : text;
  }

  value(value: unknown, key = ''): unknown {
    if (typeof value === 'bigint') return POSITIONS.includes(key) ? this.position(value) : String(value);
    if (typeof value === 'string') return this.text(value);
    if (value instanceof Date) return 'a time';
    if (Array.isArray(value)) return value.map((one) => this.value(one));
    if (value === undefined || value === null) return null;
    if (typeof value !== 'object') return value;
    const { commit, prepare } = value as Partial<Position>;
    if (commit !== undefined && commit === prepare) return this.position(commit);
    return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, this.value(one, name)]));
  }

  position(at: bigint | undefined): string {
    if (at === undefined) return 'none';
    this.positions.add(at);
    return `<position ${at}>`;
  }

  /** Positions by their order within the case, which alone is the same on each server. */
  ranked(answers: unknown): unknown {
    const order = [...this.positions].sort((a, b) => (a < b ? -1 : 1));
    const rank = (_: string, at: string) => `#${order.indexOf(BigInt(at)) + 1}`;
    return JSON.parse(JSON.stringify(answers, (_, value: unknown) => value ?? null).replace(/<position (\d+)>/g, rank));
  }
}
