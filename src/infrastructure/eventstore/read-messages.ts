/**
 * What a subscription asks for, and what it is sent: that is read from the bytes of the protocol straight: every event of the log passes here, and the
 * generated classes with what the client makes of them take several times as long.
 */
import sharedMessages from '@eventstore/db-client/generated/shared_pb.js';
import streamMessages from '@eventstore/db-client/generated/streams_pb.js';
import { LogUnavailable, type SubscriptionMessage, type RecordedEvent } from '../../application/log/event-log.js';
import { asRecorded } from '../../application/log/recorded-place.js';
import { FieldReader } from '../protobuf/field-reader.js';

/** A checkpoint every 32 events that do not match: the server's window of 32, once. */
const CHECKPOINT_INTERVAL = 1;

/** Asks for the events of all streams whose names begin with one of `prefixes`, after a position, and for what follows. */
export const subscriptionRequest = (prefixes: readonly string[], after: bigint | 'start') => {
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

const TICKS_PER_MILLISECOND = 10_000n;

/**
 * ReadResp { event = 1, checkpoint = 3 { commit_position = 1 }, caught_up = 8, ... }; null for all else.
 * @throws RangeError, LogUnavailable where an event has no position
 */
export const decodeMessage = (bytes: Buffer): SubscriptionMessage | null => {
  const reader = new FieldReader(bytes);
  while (reader.next()) {
    if (reader.field === 1) return eventOf(reader.message());
    if (reader.field === 3) return { kind: 'checkpoint', position: reader.message().numberOf(1) };
    if (reader.field === 8) return { kind: 'caught-up' };
    reader.skip();
  }
  return null;
};

/** ReadEvent { event = 1, link = 2, commit_position = 3 }. Links are not resolved here: there is one event, or none. */
const eventOf = (read: FieldReader): SubscriptionMessage | null => {
  while (read.next()) {
    if (read.field === 1) return { kind: 'event', event: recordedEvent(read.message()) };
    read.skip();
  }
  return null;
};

/**
 * RecordedEvent { id = 1, stream_identifier = 2 { stream_name = 3 }, stream_revision = 3, prepare_position = 4,
 * commit_position = 5, metadata = 6, custom_metadata = 7, data = 8 }
 */
const recordedEvent = (event: FieldReader): RecordedEvent => {
  let [id, streamId, type, created] = ['', '', '', '0'];
  let [revision, position]: [bigint, bigint | undefined] = [0n, undefined];
  let isJson = false;
  let [data, metadata] = ['', ''];
  while (event.next()) {
    switch (event.field) {
      case 1:
        id = event.message().textOf(2);
        break;
      case 2:
        streamId = event.message().textOf(3);
        break;
      case 3:
        revision = event.number();
        break;
      case 5:
        position = event.number();
        break;
      case 6: {
        const [name, value] = property(event.message());
        if (name === 'type') type = value;
        else if (name === 'created') created = value;
        else if (name === 'content-type') isJson = value === 'application/json';
        break;
      }
      case 7:
        metadata = event.text();
        break;
      case 8:
        data = event.text();
        break;
      default:
        event.skip();
    }
  }
  if (id === '') throw new LogUnavailable('The server gives no ids as text with events');
  // Each event passes here: a literal that spreads others takes several times as long as one that names its members.
  return recorded({
    id,
    type,
    streamId,
    revision,
    position: position === undefined ? undefined : { commit: position },
    created: new Date(Number(BigInt(created) / TICKS_PER_MILLISECOND)),
    data: isJson ? parsed(data) : data,
    metadata: metadata === '' ? undefined : parsed(metadata),
  });
};

const parsed = (text: string): unknown => {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
};

/** An entry of a map of texts. */
const property = (entry: FieldReader): readonly [string, string] => {
  let [name, value] = ['', ''];
  while (entry.next()) {
    if (entry.field === 1) name = entry.text();
    else if (entry.field === 2) value = entry.text();
    else entry.skip();
  }
  return [name, value];
};

/** An event as the client gives it. */
type ClientEvent = Readonly<{
  id: string;
  type: string;
  streamId: string;
  revision: bigint;
  position?: Readonly<{ commit: bigint }>;
  created: Date;
  data: unknown;
  metadata?: unknown;
}>;

export function recorded(event: ClientEvent): RecordedEvent {
  const { id, type, streamId, revision, position, created } = event;
  if (!position)
    throw new LogUnavailable('The server gives no positions with events: EventStoreDB 22.6 or newer is needed');
  return asRecorded({
    id,
    type,
    data: readable(event.data),
    metadata: readable(event.metadata),
    stream: streamId,
    revision,
    position: position.commit,
    recordedAt: created,
  });
}

/** What is not JSON arrives as bytes: as text, people can read it. */
function readable(value: unknown): unknown {
  if (value instanceof Uint8Array) return Buffer.from(value).toString('utf8');
  return value === undefined ? null : value;
}
