/** Seven bits a byte hold a number; above this value JavaScript needs a bigint for it. */
const LARGEST_EXACT = Number.MAX_SAFE_INTEGER;
const VARINT = 0;
const LENGTH_DELIMITED = 2;

/**
 * Writes protocol buffers from their end to their beginning: what a message holds is written before its length is, so
 * nothing is measured beforehand and nothing is copied.
 */
export class BackwardWriter {
  private readonly buffer: Buffer;
  /** Where the next byte goes is before this. */
  private at: number;

  constructor(size: number) {
    this.buffer = Buffer.allocUnsafe(size);
    this.at = size;
  }

  /** A place to come back to: `field` and `since` take everything written after it. */
  get mark(): number {
    return this.at;
  }

  /** What was written since `mark`. */
  since(mark: number): Buffer {
    return this.buffer.subarray(this.at, mark);
  }

  /** Makes what was written since `mark` the field `number`: a message, or bytes. */
  field(number: number, mark: number): void {
    this.varint(mark - this.at);
    this.varint((number << 3) | LENGTH_DELIMITED);
  }

  numberField(number: number, value: bigint | number): void {
    this.varint(value);
    this.varint((number << 3) | VARINT);
  }

  bytesField(number: number, value: Uint8Array): void {
    const mark = this.at;
    this.raw(value);
    this.field(number, mark);
  }

  textField(number: number, value: string): void {
    const mark = this.at;
    const length = Buffer.byteLength(value, 'utf8');
    this.at -= length;
    this.buffer.write(value, this.at, length, 'utf8');
    this.field(number, mark);
  }

  /** An entry of the map `number`, whose keys and values are texts. */
  entry(number: number, key: string, value: string): void {
    const mark = this.at;
    this.textField(2, value);
    this.textField(1, key);
    this.field(number, mark);
  }

  raw(value: Uint8Array): void {
    this.at -= value.length;
    this.buffer.set(value, this.at);
  }

  private byte(value: number): void {
    this.buffer[--this.at] = value;
  }

  private varint(value: bigint | number): void {
    if (value < 128) return this.byte(Number(value));
    let length = 1;
    if (value <= LARGEST_EXACT) {
      let left = Number(value);
      for (let rest = left; rest >= 128; rest = Math.floor(rest / 128)) length++;
      this.at -= length;
      let to = this.at;
      for (; left >= 128; left = Math.floor(left / 128)) this.buffer[to++] = (left % 128) | 128;
      this.buffer[to] = left;
      return;
    }
    let left = BigInt(value);
    for (let rest = left; rest >= 128n; rest >>= 7n) length++;
    this.at -= length;
    let to = this.at;
    for (; left >= 128n; left >>= 7n) this.buffer[to++] = Number(left & 127n) | 128;
    this.buffer[to] = Number(left);
  }
}
