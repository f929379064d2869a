/** What no client of good will sends, as messages of the protocol: it is refused, nothing is stored, and the node goes on. */
import { randomUUID } from 'node:crypto';
import { EventStoreDBClient } from '@eventstore/db-client';
import { addressOf, connect, withCredentials } from '../../../src/infrastructure/eventstore/connect.js';
import sharedMessages from '@eventstore/db-client/generated/shared_pb.js';
import services from '@eventstore/db-client/generated/streams_grpc_pb.js';
import messages from '@eventstore/db-client/generated/streams_pb.js';
import type * as Streams from '@eventstore/db-client/generated/streams_pb.js';
import { credentials, status, type ClientReadableStream, type ServiceError } from '@grpc/grpc-js';
import {
  startEmbeddedEventStore,
  type EmbeddedEventStore,
} from '../../../src/infrastructure/embedded-eventstore/index.js';
import { createTestDatabase, type TestDatabase } from '../../support/postgres.js';
import { closeClient, collect, newStream } from './server-under-test.js';

const { AppendReq, BatchAppendReq, DeleteReq, ReadReq } = messages;
const { Empty, StreamIdentifier, UUID } = sharedMessages;

let database: TestDatabase;
let node: EmbeddedEventStore;
let raw: InstanceType<typeof services.StreamsClient>;
let client: EventStoreDBClient;
beforeAll(async () => {
  database = await createTestDatabase();
  node = await startEmbeddedEventStore({ databaseUrl: database.url });
  raw = new services.StreamsClient(new URL(node.url).host, credentials.createInsecure(), {
    interceptors: [withCredentials(addressOf(node.url).credentials!)],
  });
  client = connect(node.url);
});
afterAll(async () => {
  raw.close();
  await closeClient(client);
  await node.close();
  await database.drop();
});
/** What was refused is nowhere, and what comes next is served. */
afterEach(async () => {
  expect(await collect(client.readAll())).toEqual([]);
  const stream = newStream('served');
  expect((await client.appendToStream(stream, [], { expectedRevision: 'no_stream' })).success).toBe(true);
});

const named = (name: string) => new StreamIdentifier().setStreamName(Buffer.from(name));
const uuid = (text: string = randomUUID()) => new UUID().setString(text);

type Properties = Readonly<{ type?: string; 'content-type'?: string }>;
type Proposed = Streams.AppendReq.ProposedMessage | Streams.BatchAppendReq.ProposedMessage;
const usual: Properties = { type: 'Tested', 'content-type': 'application/json' };
function fill<P extends Proposed>(message: P, properties: Properties, id?: InstanceType<typeof UUID>): P {
  for (const [name, value] of Object.entries(properties)) message.getMetadataMap().set(name, value);
  message.setId(id);
  return message;
}

const appendOptions = (name: string) => new AppendReq.Options().setStreamIdentifier(named(name)).setAny(new Empty());
const options = (name: string) => new AppendReq().setOptions(appendOptions(name));
const proposed = (properties = usual, id: InstanceType<typeof UUID> | undefined = uuid()) =>
  new AppendReq().setProposedMessage(fill(new AppendReq.ProposedMessage(), properties, id));
const withoutId = () => new AppendReq().setProposedMessage(fill(new AppendReq.ProposedMessage(), usual));

function append(...requests: readonly Streams.AppendReq[]): Promise<unknown> {
  return new Promise((resolve) => {
    const call = raw.append((error, response) => resolve(error ?? response));
    for (const request of requests) call.write(request);
    call.end();
  });
}

describe('an append', () => {
  test.each<[string, Streams.AppendReq[], RegExp]>([
    ['of nothing at all', [], /the options of the append, got nothing/],
    ['that begins with an event', [proposed()], /options of the append first/],
    ['with options twice', [options('a'), proposed(), options('a')], /event after the options/],
    ['with an empty message', [options('a'), new AppendReq()], /event after the options/],
    ['to no stream', [new AppendReq().setOptions(new AppendReq.Options().setAny(new Empty())), proposed()], /name/],
    ['to a stream without a name', [options(''), proposed()], /Expected a stream name, got ''/],
    ['to a name that is too long', [options('x'.repeat(2_561)), proposed()], /at most 2560 bytes, got 2561/],
    ['to a name with NUL', [options('x\0'), proposed()], /without NUL/],
    [
      'that expects nothing',
      [new AppendReq().setOptions(new AppendReq.Options().setStreamIdentifier(named('a')))],
      /number, any, no_stream or stream_exists/,
    ],
    [
      'that expects a number too large',
      [new AppendReq().setOptions(appendOptions('a').setRevision((2n ** 63n).toString())), proposed()],
      /at most 9223372036854775807, got 9223372036854775808/,
    ],
    ['without a type', [options('a'), proposed({ 'content-type': 'x' })], /'type' is missing/],
    ['without a content type', [options('a'), proposed({ type: 'x' })], /'content-type' is missing/],
    ['with an empty type', [options('a'), proposed({ ...usual, type: '' })], /event type, got an empty one/],
    ['with a type too long', [options('a'), proposed({ ...usual, type: 'x'.repeat(2_049) })], /at most 2048 bytes/],
    ['without an id', [options('a'), withoutId()], /Expected a UUID, got ''/],
    ['with an id that is none', [options('a'), proposed(usual, uuid('not-an-id'))], /UUID, got 'not-an-id'/],
    ['with an id of zeros', [options('a'), proposed(usual, uuid('0'.repeat(32)))], /UUID of zeros/],
    ['with one bad event of two', [options('a'), proposed(), withoutId()], /Expected a UUID/],
  ])('%s', async (_name, requests, details) => {
    expect(await append(...requests)).toMatchObject({
      ...{ code: status.INVALID_ARGUMENT, details: expect.stringMatching(details) as string },
    });
  });
});

describe('a batch append', () => {
  const batchOptions = (name: string) => new BatchAppendReq.Options().setStreamIdentifier(named(name));
  const part = (id: InstanceType<typeof UUID> | undefined, opened?: Streams.BatchAppendReq.Options) =>
    new BatchAppendReq().setCorrelationId(id).setOptions(opened).setIsFinal(true);
  const holding = (request: Streams.BatchAppendReq, properties = usual, id = uuid()) =>
    request.setProposedMessagesList([fill(new BatchAppendReq.ProposedMessage(), properties, id)]);
  const any = (name: string) => batchOptions(name).setAny(new Empty());

  /** The answers, in their order, and how the call ended. */
  async function batch(...requests: readonly Streams.BatchAppendReq[]) {
    const call = raw.batchAppend();
    for (const request of requests) call.write(request);
    call.end();
    const answers: Streams.BatchAppendResp[] = [];
    for await (const answer of call as AsyncIterable<Streams.BatchAppendResp>) answers.push(answer);
    return answers.map((answer) => [
      answer.getCorrelationId()?.getString(),
      answer.getError()?.getCode(),
      answer.getError() && expectedIn(answer),
    ]);
  }

  /** What the node expected, in the details of a BadRequest. */
  const expectedIn = (answer: Streams.BatchAppendResp) => {
    expect(answer.getError()?.getMessage()).toBe('BadRequest');
    return sharedMessages.BadRequest.deserializeBinary(answer.getError()!.getDetails()!.getValue_asU8()).getMessage();
  };

  test.each<[string, (id: InstanceType<typeof UUID>) => Streams.BatchAppendReq, RegExp]>([
    ['to a stream without a name', (id) => holding(part(id, any(''))), /Expected a stream name/],
    ['that expects nothing', (id) => holding(part(id, batchOptions('a'))), /Expected a stream position/],
    ['that expects too much', (id) => part(id, any('a').setStreamPosition((2n ** 64n - 2n).toString())), /at most/],
    ['without a type', (id) => holding(part(id, any('a')), { 'content-type': 'x' }), /'type' is missing/],
    ['with an id that is none', (id) => holding(part(id, any('a')), usual, uuid('{')), /UUID, got '{'/],
  ])('%s is answered by itself, among others that are served', async (_name, bad, message) => {
    const [first, second, third] = [randomUUID(), randomUUID(), randomUUID()];
    const answers = await batch(part(uuid(first), any('a')), bad(uuid(second)), part(uuid(third), any('a')));
    expect(answers).toHaveLength(3);
    expect(answers).toContainEqual([first, undefined, undefined]);
    expect(answers).toContainEqual([second, status.INVALID_ARGUMENT, expect.stringMatching(message)]);
    expect(answers).toContainEqual([third, undefined, undefined]);
  });

  test('under no correlation id is answered, under one that is not known it is passed over', async () => {
    expect(await batch(holding(part(undefined, any('a'))))).toEqual([
      [undefined, status.INVALID_ARGUMENT, expect.stringMatching(/Expected a UUID/)],
    ]);
    expect(await batch(holding(part(uuid())))).toEqual([]);
  });

  test('that is refused stays so, whatever else of it comes; one that never ends is not written', async () => {
    const id = randomUUID();
    const bad = holding(part(uuid(id), any('a')).setIsFinal(false), {});
    expect(await batch(bad, holding(part(uuid(id))))).toEqual([
      [id, status.INVALID_ARGUMENT, expect.stringMatching(/missing/)],
    ]);
    expect(await batch(holding(part(uuid(), any('a')).setIsFinal(false)))).toEqual([]);
  });
});

describe('a read', () => {
  const { StreamOptions, AllOptions, FilterOptions } = ReadReq.Options;
  const backwards = ReadReq.Options.ReadDirection.BACKWARDS;
  const filter = (prefixes: string[] = ['a']) => {
    const byName = new FilterOptions.Expression().setPrefixList(prefixes);
    return new FilterOptions().setStreamIdentifier(byName).setCount(new Empty()).setCheckpointintervalmultiplier(1);
  };
  const matching = (regex: string) => {
    const byName = new FilterOptions.Expression().setRegex(regex);
    return new FilterOptions().setStreamIdentifier(byName).setCount(new Empty());
  };
  const withoutWindow = () => filter().setCount(undefined);
  const read = () => new ReadReq.Options().setCount('10').setNoFilter(new Empty());
  const stream = (name: string) => new StreamOptions().setStreamIdentifier(named(name)).setStart(new Empty());
  const all = () => new AllOptions().setStart(new Empty());
  const subscribe = () => read().setSubscription(new ReadReq.Options.SubscriptionOptions());
  const at = (commit: bigint, prepare: bigint) =>
    new AllOptions().setPosition(
      new ReadReq.Options.Position().setCommitPosition(commit.toString()).setPreparePosition(prepare.toString()),
    );

  const refusal = (wanted?: Streams.ReadReq.Options): Promise<ServiceError> =>
    new Promise((resolve, reject) => {
      const call: ClientReadableStream<Streams.ReadResp> = raw.read(new ReadReq().setOptions(wanted));
      call.on('error', (error) => resolve(error as ServiceError));
      call.on('data', (answer: Streams.ReadResp) => reject(new Error(JSON.stringify(answer.toObject()))));
      call.on('end', () => reject(new Error('It was served')));
    });

  test.each<[string, Streams.ReadReq.Options | undefined, RegExp]>([
    ['without options', undefined, /options of the read/],
    ['of nothing', read(), /a stream or \$all, got neither/],
    ['of a stream without a name', read().setStream(stream('')), /Expected a stream name/],
    ['of a name too long', read().setStream(stream('x'.repeat(2_561))), /at most 2560 bytes/],
    ['without a count', new ReadReq.Options().setNoFilter(new Empty()).setAll(all()), /count or a subscription/],
    ['from nowhere', read().setStream(new StreamOptions().setStreamIdentifier(named('a'))), /revision/],
    ['of $all from nowhere', read().setAll(new AllOptions()), /Expected a position/],
    [
      'in no direction',
      read()
        .setAll(all())
        .setReadDirection(7 as never),
      /forwards or backwards/,
    ],
    ['with neither filter nor none', new ReadReq.Options().setCount('1').setAll(all()), /filter or none/],
    ['of a stream, filtered', read().setStream(stream('a')).setFilter(filter()), /on \$all only/],
    [
      'filtered by nothing',
      read().setAll(all()).setFilter(new FilterOptions().setMax(1)),
      /stream names or event types/,
    ],
    ['filtered without a window', read().setAll(all()).setFilter(withoutWindow()), /search window/],
    ['that subscribes backwards', subscribe().setAll(all()).setReadDirection(backwards), /to go forwards/],
    ['that subscribes to a stream, filtered', subscribe().setStream(stream('a')).setFilter(filter()), /on \$all only/],
    [
      'that subscribes with an interval of 0',
      subscribe().setAll(all()).setFilter(filter().setCheckpointintervalmultiplier(0)),
      /interval of at least 1/,
    ],
  ])('%s', async (_name, wanted, details) => {
    expect(await refusal(wanted)).toMatchObject({
      ...{ code: status.INVALID_ARGUMENT, details: expect.stringMatching(details) as string },
    });
  });

  test.each<[string, Streams.ReadReq.Options, RegExp]>([
    ['with a count of 0', read().setCount('0').setStream(stream('a')), /at least 1/],
    ['from a revision too large', read().setStream(stream('a').setRevision((2n ** 63n).toString())), /at most/],
    ['forwards from the end', read().setStream(stream('a').setEnd(new Empty())), /got its end/],
    ['from a position too large', read().setAll(at(2n ** 63n, 0n)), /at most/],
    ['from a prepare position after its commit', read().setAll(at(1n, 2n)), /prepare position/],
    ['filtered by what is no expression', read().setAll(all()).setFilter(matching('(')), /missing closing/],
  ])('%s fails as with EventStoreDB, and a trailer says what was expected', async (_name, wanted, expected) => {
    const { code, details, metadata } = await refusal(wanted);
    expect([code, details]).toEqual([status.UNKNOWN, expect.stringMatching(/^Exception was thrown by|: Error$/)]);
    expect(metadata.get('expected')).toEqual([expect.stringMatching(expected)]);
  });
});

test.each<[string, Streams.DeleteReq, RegExp]>([
  ['without options', new DeleteReq(), /options of the call/],
  [
    'that expects nothing',
    new DeleteReq().setOptions(new DeleteReq.Options().setStreamIdentifier(named('a'))),
    /number/,
  ],
])('a deletion %s', async (_name, request, details) => {
  const error = await new Promise<unknown>((resolve) => raw.delete(request, resolve));
  expect(error).toMatchObject({ code: status.INVALID_ARGUMENT, details: expect.stringMatching(details) as string });
});

test('a deletion of no stream fails as with EventStoreDB, and a trailer says what was expected', async () => {
  const request = new DeleteReq().setOptions(new DeleteReq.Options().setAny(new Empty()));
  const error = await new Promise<ServiceError | null>((resolve) => raw.delete(request, resolve));
  expect(error).toMatchObject({ code: status.UNKNOWN, details: 'Exception was thrown by handler.' });
  expect(error!.metadata.get('expected')).toEqual(["Expected a stream name, got ''"]);
});

test('the largest number stands for no stream where a revision is expected', async () => {
  const largest = appendOptions(newStream()).setRevision((2n ** 64n - 1n).toString());
  const answer = (await append(new AppendReq().setOptions(largest))) as Streams.AppendResp;
  expect(answer.getSuccess()?.hasNoStream()).toBe(true);
});
