/** Subscriptions to the whole log over the client's channel. Its own pass each event through more hands than the log needs. */
import type { EventStoreDBClient } from '@eventstore/db-client';
import sharedMessages from '@eventstore/db-client/generated/shared_pb.js';
import streamMessages from '@eventstore/db-client/generated/streams_pb.js';
import { LogUnavailable, type SubscriptionMessage } from '../../application/log/event-log.js';
import { unavailable } from './refusals.js';
import { SilenceWatch, type Watched } from './silence.js';
import { callStreams, type Received } from './streams-client.js';

/** A checkpoint every 32 events that do not match: the server's window of 32, once. */
const CHECKPOINT_INTERVAL = 1;

type Asked = Watched &
  Readonly<{
    /** Ends it quietly. */
    signal: AbortSignal;
  }>;

/** What the streams have whose names begin with one of `prefixes`, after that position. @throws LogUnavailable when it is lost */
export async function* signalsOf(client: EventStoreDBClient, asked: Asked): AsyncGenerator<SubscriptionMessage> {
  const { signal } = asked;
  let leave: (cause?: Error) => void = () => undefined;
  const opening = open(client, asked);
  const quietly = () => leave();
  signal.addEventListener('abort', quietly, { once: true });
  const silence = new SilenceWatch(asked, (cause) => leave(cause));
  try {
    const given = new Promise<null>((resolve, reject) => {
      leave = (cause) => (cause ? reject(cause) : resolve(null));
    });
    const opened = await Promise.race([opening, given]);
    if (!opened || signal.aborted) return;
    leave = opened.leave;
    for await (const { signal: seen } of opened.received) {
      if (signal.aborted) return;
      silence.heard(seen);
      if (seen) yield seen;
      silence.listens();
    }
    if (!signal.aborted) throw new LogUnavailable('The subscription was ended by the server');
  } catch (error) {
    if (!signal.aborted) throw unavailable('The subscription is lost', error);
  } finally {
    silence.stop();
    signal.removeEventListener('abort', quietly);
    opening.then(
      (opened) => opened.leave(),
      () => undefined,
    );
  }
}

type Opened = Readonly<{
  received: AsyncIterable<Received>;
  /** Ends what is received, with the cause where there is one. */
  leave: (cause?: Error) => void;
}>;

const open = (client: EventStoreDBClient, { prefixes, after }: Asked): Promise<Opened> =>
  new Promise((resolve, reject) => {
    const over = callStreams(client, 'subscribeToAll', (streams, ...callArguments) => {
      const call = streams.read(request(prefixes, after), ...callArguments);
      let isLeaving = false;
      return new Promise<void>((left, lost) => {
        // The client takes a call that was cancelled for a sign that its channel is broken: it must not hear of our own.
        call.on('error', (error) => (isLeaving ? left() : lost(error)));
        call.on('close', left);
        const leave = (cause?: Error) => {
          isLeaving = true;
          call.destroy(cause);
          call.cancel();
        };
        resolve({ received: call as AsyncIterable<Received>, leave });
      });
    });
    over.catch(reject);
  });

const request = (prefixes: readonly string[], after: bigint | 'start') => {
  const { Options } = streamMessages.ReadReq;
  const all = new Options.AllOptions();
  if (after === 'start') all.setStart(new sharedMessages.Empty());
  else all.setPosition(new Options.Position().setCommitPosition(String(after)).setPreparePosition(String(after)));
  const filter = new Options.FilterOptions()
    .setStreamIdentifier(new Options.FilterOptions.Expression().setPrefixList([...prefixes]))
    .setCount(new sharedMessages.Empty())
    .setCheckpointintervalmultiplier(CHECKPOINT_INTERVAL);
  const options = new Options()
    .setAll(all)
    .setFilter(filter)
    .setSubscription(new Options.SubscriptionOptions())
    .setUuidOption(new Options.UUIDOption().setString(new sharedMessages.Empty()));
  return new streamMessages.ReadReq().setOptions(options);
};
