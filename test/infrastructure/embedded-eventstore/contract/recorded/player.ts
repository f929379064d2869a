/** Plays recorded cases against a server. What a step means is here; how an answer is written down is in `answers.ts`. */
import { createHash, randomBytes } from 'node:crypto';
import { request } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import * as grpc from '@grpc/grpc-js';
import {
  binaryEvent,
  eventTypeFilter,
  excludeSystemEvents,
  jsonEvent,
  streamNameFilter,
  type EventData,
  type EventStoreDBClient,
  type Position,
  type ResolvedEvent,
} from '@eventstore/db-client';
import { addressOf } from '../../../../../src/infrastructure/eventstore/connect.js';
import { eventually } from '../../../../support/eventually.js';
import { Answers } from './answers.js';
import type { EventSpec, FilterSpec, RecordedCase, Step } from './script.js';

const NO_ANSWER_MS = 13_000;
const NO_ANSWER = '! no answer';
/** After what was expected of a subscription, so long for what was not. */
const MORE_MS = 60;

type Resolved = ResolvedEvent & { commitPosition?: bigint; retryCount?: number };
type Heard = { marks: unknown[]; events: Resolved[]; subscription: Subscription };
/** Of any subscription. */
type Subscription = NodeJS.ReadableStream & {
  unsubscribe(): Promise<void>;
  ack(...events: unknown[]): Promise<void>;
  nack(action: string, reason: string, ...events: unknown[]): Promise<void>;
};

/** Where a case is played. */
export type Stage = Readonly<{
  client: EventStoreDBClient;
  url: string;
  /** Answers at once: what other servers do a little later need not be waited for. */
  isPrompt: boolean;
  /** Whether the answer to the step of this number will be another than the recorded one: it is not waited for. */
  isListed: (at: number) => boolean;
}>;

/** @returns the answer to each step, `null` for a wait */
export async function play({ steps }: RecordedCase, stage: Stage): Promise<readonly unknown[]> {
  const player = new Player(stage);
  const answers: unknown[] = [];
  for (const [at, [step, expected]] of steps.entries())
    answers.push(await player.take(step, stage.isListed(at) ? undefined : expected));
  player.leaveAll();
  return player.written(answers);
}

class Player {
  private readonly word = randomBytes(5).toString('hex');
  private readonly address: string;
  private readonly answers: Answers;
  private readonly places = new Map<string, Position | undefined>();
  private readonly heard = new Map<string, Heard>();

  constructor(private readonly stage: Stage) {
    const [host] = addressOf(stage.url).hosts;
    this.address = `${host!.address}:${host!.port}`;
    this.answers = new Answers(this.word, this.address);
  }

  written(answers: readonly unknown[]): readonly unknown[] {
    return this.answers.ranked(answers) as unknown[];
  }

  leaveAll(): void {
    for (const { subscription } of this.heard.values()) void subscription.unsubscribe().catch(() => undefined);
  }

  async take(step: Step, expected: unknown): Promise<unknown> {
    const over = new AbortController();
    try {
      const late = delay(NO_ANSWER_MS, NO_ANSWER, { ref: false, signal: over.signal });
      late.catch(() => undefined);
      return await Promise.race([this.act(step, expected), late]);
    } catch (error) {
      return this.answers.failure(error);
    } finally {
      over.abort();
    }
  }

  private act(step: Step, expected: unknown): unknown {
    const { client } = this.stage;
    if (step.wait !== undefined) return this.wait(step.wait);
    if (step.together) return Promise.all(step.together.map((one) => this.take(one, undefined)));
    if (step.append !== undefined) return this.append(step);
    if (step.read !== undefined) return this.read(step);
    if (step.readAll) return this.readAll(step);
    if (step.del !== undefined) return this.placed(step, client.deleteStream(this.name(step.del), expecting(step)));
    if (step.tomb !== undefined)
      return this.placed(step, client.tombstoneStream(this.name(step.tomb), expecting(step)));
    if (step.setMeta !== undefined) {
      const metadata = this.named(step.meta) as Record<string, unknown>;
      return this.placed(step, client.setStreamMetadata(this.name(step.setMeta), metadata, expecting(step)));
    }
    if (step.getMeta !== undefined) return this.metadata(step.getMeta);
    if (step.sub !== undefined) return this.subscribe(step);
    if (step.psub !== undefined) return this.subscribePersistently(step);
    if (step.heard !== undefined) return this.listen(step, expected);
    if (step.leave !== undefined) return this.leave(step.leave);
    if (step.ack !== undefined) return this.acknowledge(step);
    if (step.call !== undefined) return this.call(step);
    if (step.rpc !== undefined) return this.rpc(step);
    if (step.http !== undefined) return this.http(step);
    throw new Error(`Expected a step that the player knows, got ${JSON.stringify(step)}`);
  }

  /** Half a second is what a server may take to finish what it has acknowledged; longer waits are for its clock. */
  private async wait(ms: number): Promise<undefined> {
    if (!this.stage.isPrompt || ms > 500) await delay(ms);
  }

  private append(step: Step): Promise<unknown> {
    const options = {
      ...expecting(step),
      ...this.deadline(step),
      ...step.options,
      ...(step.unary ? { credentials: { username: 'admin', password: 'changeit' } } : {}),
    };
    const events = labels(step.events!).map((spec) => this.event(spec));
    return this.placed(step, this.stage.client.appendToStream(this.name(step.append!), events, options));
  }

  /** Many times as long where other tests run beside; one that is over at once stays so. */
  private deadline({ deadline }: Step): object {
    if (deadline === undefined) return {};
    return { deadline: this.stage.isPrompt && deadline > 1 ? deadline * 10 : deadline };
  }

  private event(spec: EventSpec): EventData {
    const {
      id,
      type = 'T',
      data,
      meta,
      bytes,
      size,
      rawId,
    } = typeof spec === 'string' ? ({ id: spec } as Exclude<EventSpec, string>) : spec;
    const head = {
      type: this.name(type),
      id: rawId ?? (id ? this.id(id) : undefined),
      metadata: this.valueOf(meta),
    } as { type: string; id: string; metadata: Uint8Array };
    if (size !== undefined) return binaryEvent({ ...head, data: Buffer.alloc(size, 'x') });
    if (bytes !== undefined) return binaryEvent({ ...head, data: Buffer.from(this.name(bytes)) });
    return jsonEvent({ ...head, data: (data === undefined ? { label: id } : data) as Record<string, unknown> });
  }

  /** The same for the same label, within the case. */
  private id(label: string): string {
    const hex = createHash('sha256').update(this.word).update(label).digest('hex');
    const id = hex.replace(/^(.{8})(.{4}).(.{3}).(.{3})(.{12}).*$/, '$1-$2-4$3-a$4-$5');
    this.answers.knows(id, label);
    return id;
  }

  private async placed(step: Step, work: Promise<object & { position?: Position }>): Promise<unknown> {
    const result = await work;
    if (step.as) this.places.set(step.as, result.position);
    return this.answers.written(result);
  }

  private read(step: Step): Promise<unknown> {
    const { from, dir, max, links } = step;
    const options = { fromRevision: from, direction: dir, maxCount: max, resolveLinkTos: links };
    return this.collect(this.stage.client.readStream(this.name(step.read!), this.options(options)), step);
  }

  private readAll(step: Step): Promise<unknown> {
    const { from, dir, max, links } = step;
    const options = { direction: dir, maxCount: max, resolveLinkTos: links };
    const all = this.stage.client.readAll({ ...this.options(options), ...this.fromPosition(from) });
    return this.collect(all, { ...step, mine: !step.count });
  }

  private async collect(events: AsyncIterable<Resolved>, step: Step): Promise<unknown> {
    const shown: string[] = [];
    let count = 0;
    for await (const event of events) {
      count += 1;
      if (!step.count && (!step.mine || this.answers.isMine(event))) shown.push(this.answers.event(event, step));
    }
    return step.count ? count : shown;
  }

  private async metadata(stream: string): Promise<unknown> {
    const { streamName, metadata, metastreamRevision } = await this.stage.client.getStreamMetadata(this.name(stream));
    const found = metastreamRevision === undefined ? 'none' : 'some';
    return this.answers.value({ streamName, metadata, metastreamRevision: found });
  }

  private subscribe(step: Step): unknown {
    const { client } = this.stage;
    const marks: unknown[] = [];
    const links = this.options({ resolveLinkTos: step.links });
    const filter = step.filter && { filter: this.filter(step.filter, marks) };
    const subscription =
      step.sub === '$all'
        ? client.subscribeToAll({ ...links, ...this.fromPosition(step.from), ...filter })
        : client.subscribeToStream(this.name(step.sub!), { ...links, ...this.options({ fromRevision: step.from }) });
    return this.follow(step, subscription as unknown as Subscription, marks);
  }

  private subscribePersistently(step: Step): unknown {
    const { client } = this.stage;
    const [group, options] = [this.name(step.group!), this.options({ bufferSize: step.bufferSize })];
    const subscription =
      step.psub === '$all'
        ? client.subscribeToPersistentSubscriptionToAll(group, options)
        : client.subscribeToPersistentSubscriptionToStream(this.name(step.psub!), group, options);
    return this.follow(step, subscription as unknown as Subscription, []);
  }

  private follow(step: Step, subscription: Subscription, marks: unknown[]): string {
    const events: Resolved[] = [];
    this.heard.set(step.as ?? 'it', { subscription, marks, events });
    const mark = (text: string) => () => void marks.push(text);
    subscription.on('confirmation', mark('confirmed'));
    subscription.on('caughtUp', mark('caught up'));
    subscription.on('fellBehind', mark('fell behind'));
    subscription.on('end', mark('end'));
    subscription.on('close', mark('close'));
    subscription.on('error', (error: Error) => marks.push(this.answers.failure(error)));
    subscription.on('data', (event: unknown) => {
      const found = event as Resolved;
      if ((step.sub ?? step.psub) === '$all' && !this.answers.isMine(found)) return;
      events.push(found);
      marks.push(this.answers.event(found, step));
    });
    return 'asked';
  }

  /** As long as it was recorded; of a prompt server as long as it takes until all that was expected has come, and a little more. */
  private async listen({ heard, after = 800 }: Step, expected: unknown): Promise<unknown> {
    const found = this.heard.get(heard!);
    if (!found) return 'there is no subscription';
    if (!this.stage.isPrompt) await delay(after);
    else {
      const count = Array.isArray(expected) ? expected.length : 0;
      await eventually(() => found.marks.length >= count, { deadlineMs: 4_000 }).catch(() => undefined);
      await delay(MORE_MS);
    }
    return found.marks.splice(0);
  }

  private async leave(name: string): Promise<string> {
    await this.heard.get(name)!.subscription.unsubscribe();
    return 'left';
  }

  private async acknowledge({ ack, numbers = [], nack }: Step): Promise<string> {
    const { subscription, events } = this.heard.get(ack!)!;
    const some = numbers.map((number) => events.at(number));
    if (some.includes(undefined)) return 'it has not come';
    await (nack ? subscription.nack(nack, 'a reason', ...some) : subscription.ack(...some));
    return 'sent';
  }

  private async call({ call, args = [], pick }: Step): Promise<unknown> {
    const client = this.stage.client as unknown as Record<string, (...given: unknown[]) => Promise<unknown>>;
    const result = await client[call!]!(...args.map((one) => this.named(one)));
    const at = (from: unknown, path: string) =>
      path.split('.').reduce<unknown>((inner, key) => (inner as Record<string, unknown> | undefined)?.[key], from);
    const picked = (one: unknown) => Object.fromEntries(pick!.map((path) => [path, at(one, path)]));
    if (!pick) return this.answers.value(result);
    return this.answers.value(Array.isArray(result) ? result.map(picked) : picked(result));
  }

  private async rpc({ rpc, hex = '', streamed }: Step): Promise<unknown> {
    const client = new grpc.Client(this.address, grpc.credentials.createInsecure());
    const same = (bytes: Buffer) => bytes;
    const body = Buffer.from(hex, 'hex');
    const metadata = new grpc.Metadata();
    const { credentials } = addressOf(this.stage.url);
    const basic = Buffer.from(`${credentials?.username}:${credentials?.password}`).toString('base64');
    if (credentials) metadata.set('authorization', `Basic ${basic}`);
    const options = { deadline: Date.now() + 5_000 };
    try {
      return await new Promise((resolve) => {
        const over = (error?: grpc.ServiceError | null) => resolve(error ? this.answers.status(error) : 'OK');
        if (!streamed) return void client.makeUnaryRequest(`/${rpc}`, same, same, body, metadata, options, over);
        const stream = client.makeServerStreamRequest(`/${rpc}`, same, same, body, metadata, options);
        stream.on('data', () => (resolve('OK'), stream.cancel()));
        stream.on('error', over).on('end', () => over());
      });
    } finally {
      client.close();
    }
  }

  private http({ http, headers = {}, body }: Step): Promise<unknown> {
    const [method, path] = this.name(http!).split(' ');
    return new Promise((resolve, reject) => {
      const call = request(`http://${this.address}${path}`, { method, headers, timeout: 4_000 }, (response) => {
        response.resume();
        resolve(`${response.statusCode} ${response.headers['content-type'] ?? 'without a type'}`);
      });
      call.on('timeout', () => (resolve('no answer'), call.destroy()));
      call.on('error', reject);
      call.end(body);
    });
  }

  private filter(filter: FilterSpec, marks: unknown[]) {
    const { on, prefixes, regex, interval, window } = filter;
    const options = this.options({
      prefixes: prefixes?.map((prefix) => this.name(prefix)),
      regex: regex === undefined ? undefined : this.name(regex),
      checkpointInterval: interval,
      maxSearchWindow: window,
      checkpointReached: async (_: unknown, at: Position) =>
        void marks.push(`checkpoint ${this.answers.position(at.commit)}`),
    });
    if (on === 'noSystem') return excludeSystemEvents(options);
    return on === 'type' ? eventTypeFilter(options as never) : streamNameFilter(options as never);
  }

  private fromPosition(from: unknown): object {
    if (typeof from !== 'string' || from === 'start' || from === 'end')
      return from === undefined ? {} : { fromPosition: this.valueOf(from) };
    const [, name, more = '0'] = /^(\w+)([+-]\d+)?$/.exec(from)!;
    const { commit, prepare } = this.places.get(name!)!;
    return { fromPosition: { commit: commit + BigInt(more), prepare: prepare + BigInt(more) } };
  }

  /** Without those that are not given: to the client, `undefined` is not the same. */
  private options(given: object): object {
    const some = Object.entries(given).filter(([, value]) => value !== undefined);
    return Object.fromEntries(some.map(([key, value]) => [key, this.valueOf(value)]));
  }

  private name(text: string): string {
    return repeated(text).replaceAll('~', this.word);
  }

  private named(value: unknown): unknown {
    const plain = this.valueOf(value);
    if (typeof plain === 'string') return plain.replaceAll('~', this.word);
    if (Array.isArray(plain)) return plain.map((one) => this.named(one));
    if (plain === null || typeof plain !== 'object') return plain;
    return Object.fromEntries(Object.entries(plain).map(([key, one]) => [key, this.named(one)]));
  }

  /** What stands for what JSON cannot hold, as that. */
  private valueOf(value: unknown): unknown {
    if (typeof value === 'string') return /^-?\d+n$/.test(value) ? BigInt(value.slice(0, -1)) : repeated(value);
    if (value === null || typeof value !== 'object') return value;
    if (Array.isArray(value)) return value.map((one) => this.valueOf(one));
    if ('bytes' in value) return Uint8Array.from(value.bytes as number[]);
    return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, this.valueOf(one)]));
  }
}

function expecting({ exp }: Step): object {
  const revision = exp !== undefined && /n$/.test(exp) ? BigInt(exp.slice(0, -1)) : exp;
  return revision === undefined ? {} : { expectedRevision: revision };
}

const repeated = (text: string) =>
  text.replace(/(\S)\*(\d+)/g, (_, letter: string, times: string) => letter.repeat(Number(times)));

function labels(events: readonly EventSpec[] | string): readonly EventSpec[] {
  if (typeof events !== 'string') return events;
  const [, first, last] = /^e(\d+)\.\.e(\d+)$/.exec(events)!;
  return Array.from({ length: Number(last) - Number(first) + 1 }, (_, at) => `e${Number(first) + at}`);
}
