/** What the node does for clients that name themselves: field by field, over calls that send and receive bytes. */
import { randomUUID } from 'node:crypto';
import { Client, credentials, Metadata, type ClientReadableStream } from '@grpc/grpc-js';
import sharedMessages from '@eventstore/db-client/generated/shared_pb.js';
import messages from '@eventstore/db-client/generated/streams_pb.js';
import { EventStoreDBClient } from '@eventstore/db-client';
import { addressOf, connect, withCredentials } from '../../../src/infrastructure/eventstore/connect.js';
import {
  startEmbeddedEventStore,
  type EmbeddedEventStore,
} from '../../../src/infrastructure/embedded-eventstore/index.js';
import { FieldReader } from '../../../src/infrastructure/protobuf/field-reader.js';
import { eventually } from '../../support/eventually.js';
import { createTestDatabase, type TestDatabase } from '../../support/postgres.js';
import { closeClient, collect, event, events, newStream } from './server-under-test.js';

const { BatchAppendReq, BatchAppendResp, ReadReq, ReadResp } = messages;
const { Empty, StreamIdentifier, UUID } = sharedMessages;

let database: TestDatabase;
let node: EmbeddedEventStore;
let official: EventStoreDBClient;
const clients: Client[] = [];
beforeAll(async () => {
  database = await createTestDatabase();
  node = await startEmbeddedEventStore({ databaseUrl: database.url, limits: { maxTailEvents: 400, pageEvents: 50 } });
  official = connect(node.url);
});
afterEach(() => {
  for (const client of clients.splice(0)) client.close();
});
afterAll(async () => {
  await closeClient(official);
  await node.close();
  await database.drop();
});

const bytes = (message: Buffer) => message;
const STREAMS = '/event_store.client.streams.Streams';
const named = (name: string) => new StreamIdentifier().setStreamName(Buffer.from(name));
const header = (headers: Readonly<Record<string, string>>) => {
  const metadata = new Metadata();
  for (const [name, value] of Object.entries(headers)) metadata.set(name, value);
  return metadata;
};
function connected(): Client {
  const client = new Client(new URL(node.url).host, credentials.createInsecure(), {
    interceptors: [withCredentials(addressOf(node.url).credentials!)],
  });
  clients.push(client);
  return client;
}

type Answer = Readonly<{ revision: bigint; position: bigint; created: bigint; error: boolean }>;

/** BatchAppendResp { error = 2, success = 3 { current_revision = 1, position = 3 { commit_position = 1 }, created = 1000 } } */
function answerOf(message: Buffer): Answer {
  const answer = { revision: 0n, position: 0n, created: 0n, error: false };
  const reader = new FieldReader(message);
  while (reader.next()) {
    if (reader.field === 3) {
      const success = reader.message();
      while (success.next()) {
        if (success.field === 1) answer.revision = success.number();
        else if (success.field === 3) answer.position = success.message().numberOf(1);
        else if (success.field === 1_000) answer.created = success.number();
        else success.skip();
      }
    } else {
      if (reader.field === 2) answer.error = true;
      reader.skip();
    }
  }
  // Classes that know nothing of `created` read the rest.
  const known = BatchAppendResp.deserializeBinary(message).getSuccess();
  if (!answer.error) expect(BigInt(known!.getPosition()!.getCommitPosition())).toBe(answer.position);
  return answer;
}

const proposed = (ids: readonly string[]) =>
  ids.map((id) => {
    const message = new BatchAppendReq.ProposedMessage().setId(new UUID().setString(id)).setData(Buffer.from('{}'));
    message.getMetadataMap().set('type', 'Tested').set('content-type', 'application/json');
    return message;
  });

/** A batch append call under a name; appends one after the other. */
function appender(name: string) {
  const call = connected().makeBidiStreamRequest(`${STREAMS}/BatchAppend`, bytes, bytes, header({ appender: name }));
  call.on('error', () => undefined); // the end of the test
  const waiting: ((answer: Answer) => void)[] = [];
  call.on('data', (message: Buffer) => waiting.shift()?.(answerOf(message)));
  return {
    append(stream: string, count: number, ids = Array.from({ length: count }, () => randomUUID() as string)) {
      const options = new BatchAppendReq.Options().setStreamIdentifier(named(stream)).setAny(new Empty());
      const request = new BatchAppendReq().setCorrelationId(new UUID().setString(randomUUID())).setOptions(options);
      const answer = new Promise<Answer>((resolve) => waiting.push(resolve));
      call.write(Buffer.from(request.setProposedMessagesList(proposed(ids)).setIsFinal(true).serializeBinary()));
      return answer;
    },
    resume: () => call.resume(),
  };
}

/** What a subscription says, in order: events by stream and revision, positions of own events with their number. */
type Heard = { said: (string | readonly [position: bigint, own: bigint])[]; header?: string | undefined };

function subscribe(
  headers: Readonly<Record<string, string>>,
  { prefix, from }: { prefix?: string; from?: bigint } = {},
): Heard & { call: ClientReadableStream<Buffer> } {
  const all = new ReadReq.Options.AllOptions();
  if (from === undefined) all.setEnd(new Empty());
  else {
    const at = from.toString();
    all.setPosition(new ReadReq.Options.Position().setCommitPosition(at).setPreparePosition(at));
  }
  const options = new ReadReq.Options().setAll(all).setSubscription(new ReadReq.Options.SubscriptionOptions());
  options.setUuidOption(new ReadReq.Options.UUIDOption().setString(new Empty()));
  if (prefix === undefined) options.setNoFilter(new Empty());
  else {
    const names = new ReadReq.Options.FilterOptions.Expression().setPrefixList([prefix]);
    const filter = new ReadReq.Options.FilterOptions().setStreamIdentifier(names).setMax(32);
    options.setFilter(filter.setCheckpointintervalmultiplier(1));
  }
  const request = Buffer.from(new ReadReq().setOptions(options).serializeBinary());
  const call = connected().makeServerStreamRequest(`${STREAMS}/Read`, bytes, bytes, request, header(headers));
  const heard: Heard & { call: ClientReadableStream<Buffer> } = { said: [], call };
  call.on('metadata', (metadata: Metadata) => (heard.header = metadata.get('own-events').map(String)[0]));
  call.on('error', () => undefined); // the end of the test
  call.on('data', (message: Buffer) => heard.said.push(...sayingOf(message)));
  return heard;
}

function sayingOf(message: Buffer): Heard['said'] {
  const reader = new FieldReader(message);
  reader.next();
  if (reader.field === 3) {
    const own = reader.message().numberOf(1_000);
    const checkpoint = ReadResp.deserializeBinary(message).getCheckpoint()!;
    expect(checkpoint.getPreparePosition()).toBe(checkpoint.getCommitPosition());
    return own > 0n ? [[BigInt(checkpoint.getCommitPosition()), own]] : ['checkpoint'];
  }
  const read = ReadResp.deserializeBinary(message);
  if (read.hasConfirmation()) return ['confirmed'];
  if (read.hasCaughtUp()) return ['caught up'];
  if (read.hasFellBehind()) return ['fell behind'];
  const recorded = read.getEvent()!.getEvent()!;
  const stream = Buffer.from(recorded.getStreamIdentifier()!.getStreamName_asU8()).toString();
  return [`${stream} ${recorded.getStreamRevision()}`];
}

const live = async (heard: Heard) => eventually(() => expect(heard.said).toContain('caught up'));
const afterwards = (heard: Heard) => heard.said.slice(heard.said.indexOf('caught up') + 1);
const newName = () => randomUUID() as string;
const POSITIONS = { 'own-events': 'positions' };

test('an answer says when the events of its append were recorded, and nothing of that to a repeat', async () => {
  const [one, stream] = [appender(newName()), newStream()];
  const ids = [randomUUID(), randomUUID()];
  const before = BigInt(Date.now());
  const { created, revision, position } = await one.append(stream, 2, ids);
  expect(revision).toBe(1n);
  expect(created).toBeGreaterThanOrEqual(before);
  expect(created).toBeLessThanOrEqual(BigInt(Date.now()));
  const recorded = await collect(official.readStream(stream));
  expect(recorded.map(({ event: found }) => BigInt(found!.created.getTime()))).toEqual([created, created]);
  expect(await one.append(stream, 2, ids)).toEqual({ revision, position, created: 0n, error: false });
  expect(await one.append(newStream(), 0)).toMatchObject({ created: 0n, error: false });
});

test('a subscriber is told where its own events are, and gets those of others in their place', async () => {
  const [mine, yours, prefix] = [newName(), newName(), newStream('order')];
  const [me, you] = [appender(mine), appender(yours)];
  const heard = subscribe({ appender: mine, ...POSITIONS }, { prefix });
  await live(heard);
  expect(heard.header).toBe('positions');
  const first = await me.append(`${prefix}-a`, 3);
  await eventually(() => expect(afterwards(heard)).toEqual([[first.position, 3n]]));
  await you.append(`${prefix}-b`, 2);
  await official.appendToStream(`${prefix}-c`, events(1));
  const last = await me.append(`${prefix}-a`, 1);
  const foreign = [`${prefix}-b 0`, `${prefix}-b 1`, `${prefix}-c 0`];
  await eventually(() => expect(afterwards(heard)).toEqual([[first.position, 3n], ...foreign, [last.position, 1n]]));
});

test('of own events only those that pass the filter count, and the others part no run', async () => {
  const [mine, prefix] = [newName(), newStream('filter')];
  const me = appender(mine);
  const heard = subscribe({ appender: mine, ...POSITIONS }, { prefix });
  await live(heard);
  await me.append(newStream('other'), 3);
  const all = [me.append(prefix, 2), me.append(newStream('other'), 1), official.appendToStream(newStream(), event())];
  const last = me.append(prefix, 1);
  await Promise.all([...all, last]);
  const ownOf = (said: Heard['said']) => said.filter((one) => typeof one !== 'string');
  const counted = () => ownOf(afterwards(heard)).reduce((sum, [, own]) => sum + own, 0n);
  await eventually(() => expect(counted()).toBe(3n));
  expect(ownOf(afterwards(heard)).at(-1)?.[0]).toBe((await last).position);
  expect(afterwards(heard).filter((one) => typeof one === 'string' && one !== 'checkpoint')).toEqual([]);
});

test('two appenders that write at once each miss their own events alone; a subscriber that asks for no positions gets all', async () => {
  const [mine, yours, prefix] = [newName(), newName(), newStream('both')];
  const [me, you] = [appender(mine), appender(yours)];
  const [toMe, toYou, toOther, toUnasked] = [
    subscribe({ appender: mine, ...POSITIONS }, { prefix }),
    subscribe({ appender: yours, ...POSITIONS }, { prefix }),
    subscribe({ ...POSITIONS }, { prefix }),
    subscribe({ appender: mine }, { prefix }),
  ];
  for (const heard of [toMe, toYou, toOther, toUnasked]) await live(heard);
  expect([toOther.header, toUnasked.header]).toEqual([undefined, undefined]);
  await Promise.all(
    Array.from({ length: 100 }, (_, index) =>
      index % 3 === 0 ? me.append(`${prefix}-m`, 2) : you.append(`${prefix}-y`, 1),
    ),
  );
  const eventsIn = (heard: Heard) =>
    afterwards(heard).filter((one) => typeof one === 'string' && one !== 'checkpoint') as string[];
  await eventually(() => expect(eventsIn(toOther)).toHaveLength(68 + 66));
  await eventually(() => expect(eventsIn(toUnasked)).toEqual(eventsIn(toOther)));
  const whole = eventsIn(toOther);
  /** What was left out, put back from the whole where its position says: the order is that of the log. */
  const restored = async (heard: Heard, own: string) => {
    const positions = new Map<bigint, string>();
    for await (const { event: found } of official.readAll())
      positions.set(found!.position.commit, `${found!.streamId} ${found!.revision}`);
    let from = 0;
    return afterwards(heard).flatMap((one) => {
      if (one === 'checkpoint') return [];
      const until = typeof one === 'string' ? from + 1 : from + Number(one[1]);
      const run = whole.slice(from, until);
      if (typeof one === 'string') expect(run).toEqual([one]);
      else {
        expect(run.every((place) => place.startsWith(own))).toBe(true);
        expect(run.at(-1)).toBe(positions.get(one[0]));
      }
      from = until;
      return run;
    });
  };
  await eventually(async () => expect(await restored(toMe, `${prefix}-m`)).toEqual(whole));
  await eventually(async () => expect(await restored(toYou, `${prefix}-y`)).toEqual(whole));
});

test('without a filter too; a large append costs one message a page', async () => {
  const mine = newName();
  const [me, stream] = [appender(mine), newStream('large')];
  const heard = subscribe({ appender: mine, ...POSITIONS });
  await live(heard);
  const { position } = await me.append(stream, 120);
  const own = () => afterwards(heard).filter((one) => typeof one !== 'string');
  await eventually(() => expect(own().at(-1)?.[0]).toBe(position));
  expect(own().map(([, count]) => count)).toEqual([50n, 50n, 20n]);
  expect(afterwards(heard).filter((one) => typeof one === 'string' && one.startsWith(stream))).toEqual([]);
});

test('what is older than what the node remembers comes in full', async () => {
  const mine = newName();
  const [me, prefix] = [appender(mine), newStream('behind')];
  const { position } = await me.append(prefix, 1);
  await me.append(prefix, 300);
  await me.append(prefix, 300);
  const heard = subscribe({ appender: mine, ...POSITIONS }, { prefix, from: position });
  await live(heard);
  const before = heard.said.slice(0, heard.said.indexOf('caught up'));
  const full = before.filter((one) => typeof one === 'string' && one.startsWith(prefix));
  const left = before.filter((one) => typeof one !== 'string').reduce((sum, [, own]) => sum + own, 0n);
  // From the database up to where memory begins, from there on as positions: nothing twice, nothing missed.
  expect(full).toEqual(full.map((_, index) => `${prefix} ${index + 1}`));
  expect(BigInt(full.length) + left).toBe(600n);
  expect(full.length).toBeGreaterThanOrEqual(200);
  expect(left).toBeGreaterThan(0n);
});

test('a subscriber that falls behind gets its own events from the database', async () => {
  const mine = newName();
  const [me, prefix] = [appender(mine), newStream('slow')];
  const heard = subscribe({ appender: mine, ...POSITIONS }, { prefix });
  await live(heard);
  heard.call.pause();
  // More of others than its connection holds on its way, so that the node waits for it.
  const large = () => Array.from({ length: 40 }, () => event({ filling: 'x'.repeat(20_000) }));
  for (let round = 0; round < 6; round++) await official.appendToStream(`${prefix}-other`, large());
  for (let round = 0; round < 5; round++) await me.append(`${prefix}-own`, 100);
  heard.call.resume();
  await eventually(() => expect(heard.said.filter((one) => one === 'caught up')).toHaveLength(2));
  expect(heard.said).toContain('fell behind');
  const places = heard.said.filter((one) => typeof one === 'string' && one.startsWith(prefix)) as string[];
  const own = places.filter((one) => one.startsWith(`${prefix}-own`));
  const left = heard.said.filter((one) => typeof one !== 'string').reduce((sum, [, count]) => sum + count, 0n);
  expect(BigInt(own.length) + left).toBe(500n);
  expect(own).toEqual(own.map((_, index) => `${prefix}-own ${index}`));
  expect(own.length).toBeGreaterThan(0);
  expect(places.length - own.length).toBe(240);
});

test.each([
  ['that is none', 'Not a name'],
  ['that is too long', 'a'.repeat(65)],
])('a name %s is no name', async (_name, name) => {
  const [me, stream] = [appender(name), newStream('unnamed')];
  const heard = subscribe({ appender: name, ...POSITIONS }, { prefix: stream });
  await live(heard);
  expect(heard.header).toBeUndefined();
  await me.append(stream, 1);
  await eventually(() => expect(afterwards(heard)).toEqual([`${stream} 0`]));
});
