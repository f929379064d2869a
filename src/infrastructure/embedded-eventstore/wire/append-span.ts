/** The deadline of a batch append as newer clients send it: a span. The messages that the official client ships are older. */
import { FieldReader } from '../../protobuf/field-reader.js';

/**
 * Milliseconds in BatchAppendReq { options = 2 { deadline = 7 { seconds = 1, nanos = 2 } } }; null where there is none.
 * @throws RangeError
 */
export const spanIn = (bytes: Buffer): number | null => {
  const deadline = lastOf(lastOf(new FieldReader(bytes), 2), 7);
  return deadline && millisecondsIn(deadline);
};

/** google.protobuf.Duration { seconds = 1, nanos = 2 } */
export const millisecondsIn = (span: FieldReader): number => {
  let [seconds, nanos] = [0n, 0n];
  while (span.next()) {
    if (span.field === 1) seconds = span.number();
    else if (span.field === 2) nanos = span.number();
    else span.skip();
  }
  // A span of the past is a negative number.
  return Number(BigInt.asIntN(64, seconds)) * 1_000 + Number(BigInt.asIntN(32, nanos)) / 1e6;
};

const lastOf = (reader: FieldReader | null, field: number): FieldReader | null => {
  let found: FieldReader | null = null;
  while (reader?.next()) {
    if (reader.field === field) found = reader.message();
    else reader.skip();
  }
  return found;
};
