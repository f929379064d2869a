/** gRPC's messages in the data of an HTTP/2 stream: a flag, four bytes of length, the message. */

const PREFIX = 5;

export const framed = (message: Uint8Array): Buffer => {
  const frame = Buffer.allocUnsafe(PREFIX + message.length);
  frame.writeUInt8(0, 0);
  frame.writeUInt32BE(message.length, 1);
  frame.set(message, PREFIX);
  return frame;
};

export const messageIn = (frame: Buffer): Buffer => frame.subarray(PREFIX);

/** Makes whole frames of what arrives in pieces. */
export class Frames {
  private rest: Buffer = Buffer.alloc(0);

  take(piece: Buffer): readonly Buffer[] {
    this.rest = this.rest.length === 0 ? piece : Buffer.concat([this.rest, piece]);
    const frames: Buffer[] = [];
    while (this.rest.length >= PREFIX) {
      const length = PREFIX + this.rest.readUInt32BE(1);
      if (this.rest.length < length) break;
      frames.push(this.rest.subarray(0, length));
      this.rest = this.rest.subarray(length);
    }
    return frames;
  }
}
