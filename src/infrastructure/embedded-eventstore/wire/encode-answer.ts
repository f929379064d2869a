/** Answers as bytes of the protocol, with the fields that are the node's own: classes that do not know those skip them. */
import { BackwardWriter } from '../../protobuf/backward-writer.js';

/** The number of each field that the protocol lacks, in the message that has it. */
const OWN_FIELD = 1_000;
/** Numbers, lengths and tags. */
const BYTES_BESIDE = 100;
const BYTES_PER_CHARACTER = 3;

type AppendedAnswer = Readonly<{
  /** The message UUID. */
  correlation: Uint8Array;
  stream: string;
  /** Below 0 where the stream has no events. */
  revision: bigint;
  position: bigint | undefined;
  /** Milliseconds since 1970; undefined where it is not known. */
  created: number | undefined;
}>;

/**
 * BatchAppendResp { correlation_id = 1, success = 3 { current_revision = 1, no_stream = 2, position = 3, no_position = 4,
 * created = 1000 }, stream_identifier = 4 }
 */
export function encodeAppended({ correlation, stream, revision, position, created }: AppendedAnswer): Buffer {
  const writer = new BackwardWriter(BYTES_BESIDE + correlation.length + stream.length * BYTES_PER_CHARACTER);
  const end = writer.mark;
  writer.textField(3, stream);
  writer.field(4, end);
  const success = writer.mark;
  if (created !== undefined) writer.numberField(OWN_FIELD, created);
  if (position === undefined) writer.field(4, writer.mark);
  else writePosition(writer, 3, position);
  if (revision < 0n) writer.field(2, writer.mark);
  else writer.numberField(1, revision);
  writer.field(3, success);
  writer.bytesField(1, correlation);
  return writer.since(end);
}

/**
 * ReadResp { checkpoint = 3 { commit_position = 1, prepare_position = 2, own_events = 1000 } }
 * @param count of the subscriber's own events that were left out since the message before
 * @param position of the last of them
 */
export function encodeOwnEvents(position: bigint, count: number): Buffer {
  const writer = new BackwardWriter(BYTES_BESIDE);
  const end = writer.mark;
  writer.numberField(OWN_FIELD, count);
  writer.numberField(2, position);
  writer.numberField(1, position);
  writer.field(3, end);
  return writer.since(end);
}

/** AllStreamPosition { commit_position = 1, prepare_position = 2 } */
function writePosition(writer: BackwardWriter, field: number, position: bigint): void {
  const end = writer.mark;
  writer.numberField(2, position);
  writer.numberField(1, position);
  writer.field(field, end);
}
