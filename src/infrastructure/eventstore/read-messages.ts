/**
 * What a subscription asks for and what it is sent, as bytes of the protocol, written and read by the numbers of its fields:
 * every event of the log passes here, and classes generated from the protocol take several times as long.
 */
import { LogUnavailable, type SubscriptionMessage, type RecordedEvent } from '../../application/log/event-log.js';
import { asRecorded } from '../../application/log/recorded-place.js';
import { BackwardWriter } from '../protobuf/backward-writer.js';
import { FieldReader } from '../protobuf/field-reader.js';

/** A checkpoint every 32 events that do not match: the server's window of 32, once. */
const CHECKPOINT_INTERVAL = 1n;
/** Of a request without its prefixes, at most. */
const BYTES_BESIDE = 100;
const BYTES_PER_CHARACTER = 3;
const BYTES_PER_PREFIX = 10;

/**
 * Asks for the events of all streams whose names begin with one of `prefixes`, after a position, and for what follows.
 *
 * ReadReq { options = 1 { all = 2 { position = 1 { commit_position = 1, prepare_position = 2 }, start = 2 }, subscription = 6,
 * filter = 7 { stream_identifier = 1 { prefix = 2 }, count = 4, checkpoint_interval_multiplier = 5 },
 * uuid_option = 9 { string = 2 } } }
 */
export const subscriptionRequest = (prefixes: readonly string[], after: bigint | 'start'): Buffer => {
  const room = prefixes.reduce((sum, prefix) => sum + prefix.length * BYTES_PER_CHARACTER + BYTES_PER_PREFIX, 0);
  const writer = new BackwardWriter(BYTES_BESIDE + room);
  const end = writer.mark;
  const within = (field: number, write: () => void) => {
    const mark = writer.mark;
    write();
    writer.field(field, mark);
  };
  const empty = (field: number) => within(field, () => undefined);
  within(1, () => {
    within(9, () => empty(2));
    within(7, () => {
      writer.numberField(5, CHECKPOINT_INTERVAL);
      empty(4);
      within(1, () => {
        for (const prefix of [...prefixes].reverse()) writer.textField(2, prefix);
      });
    });
    empty(6);
    within(2, () => {
      if (after === 'start') return empty(2);
      within(1, () => {
        writer.numberField(2, after);
        writer.numberField(1, after);
      });
    });
  });
  return writer.since(end);
};

/** Of the embedded node alone, and skipped by other clients. */
const OWN_FIELD = 1000;
const TICKS_PER_MILLISECOND = 10_000n;

/** `own`: the next `count` events are those that the subscriber appended itself; the last is at `position` or before it. */
export type StreamMessage = SubscriptionMessage | Readonly<{ kind: 'own'; position: bigint; count: number }>;

/**
 * ReadResp { event = 1, checkpoint = 3 { commit_position = 1, own_events = 1000 }, caught_up = 8, ... }; null for all else.
 * The field 1000 is the embedded node's own.
 * @throws RangeError, LogUnavailable where an event has no position
 */
export const decodeMessage = (bytes: Buffer): StreamMessage | null => {
  const reader = new FieldReader(bytes);
  while (reader.next()) {
    if (reader.field === 1) return eventOf(reader.message());
    if (reader.field === 3) return checkpointOf(reader.message());
    if (reader.field === 8) return { kind: 'caught-up' };
    reader.skip();
  }
  return null;
};

const checkpointOf = (checkpoint: FieldReader): StreamMessage => {
  let [position, own] = [0n, 0n];
  while (checkpoint.next()) {
    if (checkpoint.field === 1) position = checkpoint.number();
    else if (checkpoint.field === OWN_FIELD) own = checkpoint.number();
    else checkpoint.skip();
  }
  return own === 0n ? { kind: 'checkpoint', position } : { kind: 'own', position, count: Number(own) };
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
