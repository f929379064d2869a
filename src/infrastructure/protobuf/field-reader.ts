const VARINT = 0;
const FIXED64 = 1;
const LENGTH_DELIMITED = 2;
const FIXED32 = 5;
/** So many groups of seven bits fit into a number of JavaScript. */
const EXACT_GROUPS = 7;
const LONGEST_VARINT = 10;

/**
 * Reads a message of protocol buffers field by field: `while (reader.next()) switch (reader.field)`. A field is taken once, by
 * the method of its type, or with `skip`. Every method throws a RangeError where the bytes are no such message.
 */
export class FieldReader {
  field = 0;
  private wire = 0;

  constructor(
    private readonly bytes: Buffer,
    private at = 0,
    private readonly end = bytes.length,
  ) {}

  /** False at the end of the message. */
  next(): boolean {
    if (this.at >= this.end) return false;
    const tag = this.small();
    this.field = tag >>> 3;
    this.wire = tag & 7;
    if (this.field === 0) throw malformed('a field number of 0');
    return true;
  }

  /** Unsigned, 64 bits. */
  number(): bigint {
    this.expect(VARINT);
    let value = 0;
    let factor = 1;
    for (let groups = 0; groups < EXACT_GROUPS; groups++) {
      const byte = this.byte();
      value += (byte & 127) * factor;
      if (byte < 128) return BigInt(value);
      factor *= 128;
    }
    let large = BigInt(value);
    for (let groups = EXACT_GROUPS; groups < LONGEST_VARINT; groups++) {
      const byte = this.byte();
      large |= BigInt(byte & 127) << BigInt(7 * groups);
      if (byte < 128) return BigInt.asUintN(64, large);
    }
    throw malformed('a number of more than ten bytes');
  }

  /** Not a copy. */
  buffer(): Buffer {
    const [from, to] = this.range();
    return this.bytes.subarray(from, to);
  }

  text(): string {
    const [from, to] = this.range();
    return this.bytes.toString('utf8', from, to);
  }

  message(): FieldReader {
    const [from, to] = this.range();
    return new FieldReader(this.bytes, from, to);
  }

  /** Of a message of which nothing else is wanted: the last value of that field; 0 where there is none. */
  numberOf(field: number): bigint {
    let value = 0n;
    while (this.next()) {
      if (this.field === field) value = this.number();
      else this.skip();
    }
    return value;
  }

  /** The same of a text; empty where there is none. */
  textOf(field: number): string {
    let value = '';
    while (this.next()) {
      if (this.field === field) value = this.text();
      else this.skip();
    }
    return value;
  }

  skip(): void {
    switch (this.wire) {
      case VARINT:
        return void this.number();
      case FIXED64:
        return this.pass(8);
      case FIXED32:
        return this.pass(4);
      default:
        this.range();
    }
  }

  private range(): readonly [number, number] {
    this.expect(LENGTH_DELIMITED);
    const length = this.small();
    const from = this.at;
    this.pass(length);
    return [from, this.at];
  }

  /** A tag or a length. */
  private small(): number {
    let value = 0;
    for (let factor = 1; factor <= 2 ** 28; factor *= 128) {
      const byte = this.byte();
      value += (byte & 127) * factor;
      if (byte < 128) return value;
    }
    throw malformed('a length of more than five bytes');
  }

  private byte(): number {
    if (this.at >= this.end) throw malformed('an end in the middle of a field');
    return this.bytes[this.at++]!;
  }

  private pass(length: number): void {
    if (length > this.end - this.at) throw malformed('a field that is longer than its message');
    this.at += length;
  }

  private expect(wire: number): void {
    if (this.wire !== wire) throw malformed(`wire type ${this.wire} instead of ${wire} in field ${this.field}`);
  }
}

const malformed = (what: string) => new RangeError(`Not a message of protocol buffers: ${what}`);
