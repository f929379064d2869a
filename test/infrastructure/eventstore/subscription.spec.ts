/** What EventStoreDB does to a subscription for which nothing comes, and to one that it finds too slow. */
import { randomUUID } from 'node:crypto';
import { Metadata, status } from '@grpc/grpc-js';
import streams from '@eventstore/db-client/generated/streams_pb.js';
import { SubscriptionDropped, type RecordedEvent } from '../../../src/application/log/event-log.js';
import { followLog } from '../../../src/application/log/follow-log.js';
import { encodeReadEvent } from '../../../src/infrastructure/embedded-eventstore/wire/encode-event.js';
import { EventStoreDbEventLog } from '../../../src/infrastructure/eventstore/eventstore-db.event-log.js';
import { FailoverEventLog } from '../../../src/infrastructure/eventstore/failover.event-log.js';
import { SystemClock, SystemIds } from '../../../src/infrastructure/system/clock-and-ids.js';
import { eventually } from '../../support/eventually.js';
import { startScriptedServer, type ReadCall, type Script } from './scripted-server.js';

const SILENCE_MS = 80;

/** A log of events by their positions, whose subscriptions get what the test sends. */
const world = async (isShared: boolean) => {
  const subscriptions: { call: ReadCall; after: string }[] = [];
  const stored: number[] = [];
  const script: Script = {
    append: () => undefined,
    read: (call) => {
      const options = call.request.getOptions()!;
      if (options.hasSubscription()) {
        const position = options.getAll()?.getPosition()?.getCommitPosition();
        subscriptions.push({ call, after: position ?? 'start' });
        call.write(new streams.ReadResp().setCaughtUp(new streams.ReadResp.CaughtUp()));
        return;
      }
      const isBackwards = options.getReadDirection() === streams.ReadReq.Options.ReadDirection.BACKWARDS;
      const from = Number(options.getAll()?.getPosition()?.getCommitPosition() ?? 0);
      const found = isBackwards ? stored.slice(-1) : stored.filter((position) => position >= from);
      for (const position of found) call.write(eventAt(position));
      call.end();
    },
  };
  const server = await startScriptedServer(script);
  const reached = new EventStoreDbEventLog({ url: server.url, silenceMs: SILENCE_MS });
  const dropped: unknown[] = [];
  const onDropped = (error: unknown) => void dropped.push(error);
  const log = isShared ? new FailoverEventLog(server.url, () => reached, { followed: ['mine-'], onDropped }) : reached;
  const heard: RecordedEvent[] = [];
  const losses: unknown[] = [];
  const ending = new AbortController();
  const follow = async () => {
    const ports = { log, clock: new SystemClock(), ids: new SystemIds() };
    const onError = (error: unknown) => void losses.push(error);
    const limits = { initialPauseMs: 60_000, maximumPauseMs: 60_000 };
    const asked = { prefix: 'mine-', after: 'start', signal: ending.signal, onError, limits } as const;
    for await (const seen of followLog({ ...ports, ...asked })) if (seen.kind === 'event') heard.push(seen.event);
  };
  const following = follow();
  const close = async () => {
    ending.abort();
    await following;
    await reached.close();
    server.close();
  };
  const send = (position: number, { call } = subscriptions.at(-1)!) => {
    stored.push(position);
    call.write(eventAt(position));
  };
  const drop = ({ call } = subscriptions.at(-1)!) =>
    call.emit('error', {
      code: status.ABORTED,
      details: 'Operation timed out: Consumer too slow to handle event while live. Client resubscription required.',
      metadata: new Metadata(),
    });
  return { subscriptions, send, drop, heard, losses, dropped, close };
};

const eventAt = (position: number) => {
  const at = { revision: 0n, position: BigInt(position), created: 1_700_000_000_000 };
  const event = { id: randomUUID(), type: 'T', stream: `mine-${position}`, json: true, ...at };
  const bytes = encodeReadEvent({ event: { ...event, data: Buffer.from('{}'), metadata: Buffer.from('{}') } }, false);
  return streams.ReadResp.deserializeBinary(bytes);
};

const pass = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

test('an idle subscription that hears nothing for ever stays open, and brings what comes', async () => {
  const w = await world(false);
  await eventually(() => w.subscriptions.length === 1);
  await pass(5 * SILENCE_MS);
  w.send(100);
  await eventually(() => w.heard.length === 1);
  await pass(5 * SILENCE_MS);
  expect([w.losses, w.subscriptions.length]).toEqual([[], 1]);
  await w.close();
});

test('a subscription that is dropped as too slow goes on at once, after its last event', async () => {
  const w = await world(false);
  await eventually(() => w.subscriptions.length === 1);
  w.send(100);
  await eventually(() => w.heard.length === 1);
  w.drop();
  await eventually(() => w.subscriptions.length === 2);
  expect(w.subscriptions[1]!.after).toBe('100');
  expect(w.losses).toEqual([expect.any(SubscriptionDropped)]);
  w.send(200);
  await eventually(() => expect(w.heard.map(({ position }) => position)).toEqual([100n, 200n]));
  await w.close();
});

test('the shared one too, and its followers do not notice: there is one word of it for all', async () => {
  const w = await world(true);
  // The tail's, and the follower's own until it has caught up.
  await eventually(() => w.subscriptions.length === 2);
  const tail = w.subscriptions[0]!;
  w.send(100, tail);
  await eventually(() => w.heard.length === 1);
  w.drop(tail);
  await eventually(() => w.subscriptions.length === 3);
  expect(w.subscriptions[2]!.after).toBe('100');
  w.send(200);
  await eventually(() => expect(w.heard.map(({ position }) => position)).toEqual([100n, 200n]));
  expect([w.losses, w.dropped]).toEqual([[], [expect.any(SubscriptionDropped)]]);
  await w.close();
});
