/**
 * What a subscription is sent, read from the bytes of the protocol straight: every event of the log passes here, and the
 * generated classes with what the client makes of them take several times as long.
 */
import { LogUnavailable, type SubscriptionMessage, type RecordedEvent } from '../../application/log/event-log.js';
import { FieldReader } from '../protobuf/field-reader.js';
import { recorded } from './recorded.js';

const TICKS_PER_MILLISECOND = 10_000n;

/**
 * ReadResp { event = 1, checkpoint = 3 { commit_position = 1 }, caught_up = 8, ... }; null for all else.
 * @throws RangeError, LogUnavailable where an event has no position
 */
export const decodeSignal = (bytes: Buffer): SubscriptionMessage | null => {
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
