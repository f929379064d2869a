/** Of the length in front of each message: a byte says before it whether the message is compressed. */
const LENGTH_BYTES = 4;
const FRAME_BYTES = 5;

/**
 * Several messages that leave as one: the library frames and writes each message by itself, and each write costs it more than a
 * small message does. It takes what a serializer gives for one message, asks how long that is, writes this length into a buffer of
 * its own and has the message copied behind it. What is copied here are all of the messages with the frames between them, and the
 * length of the first is put right.
 */
export class Joined {
  readonly byteLength: number;

  constructor(private readonly messages: readonly Buffer[]) {
    this.byteLength = messages.reduce((sum, { length }) => sum + length + FRAME_BYTES, -FRAME_BYTES);
  }

  /** @param start where the library wants the first message, behind its frame */
  copy(target: Buffer, start: number): number {
    let at = start - FRAME_BYTES;
    for (const message of this.messages) {
      target[at] = 0;
      target.writeUInt32BE(message.length, at + FRAME_BYTES - LENGTH_BYTES);
      target.set(message, at + FRAME_BYTES);
      at += FRAME_BYTES + message.length;
    }
    return this.byteLength;
  }
}

/** Joins messages in their order, up to `bytes` at once; a larger one goes alone. */
export function joinedUpTo(bytes: number, messages: readonly Buffer[]): Joined[] {
  const joined: Joined[] = [];
  let [from, size] = [0, 0];
  for (const [index, { length }] of messages.entries()) {
    if (index > from && size + length > bytes) {
      joined.push(new Joined(messages.slice(from, index)));
      [from, size] = [index, 0];
    }
    size += length + FRAME_BYTES;
  }
  if (from < messages.length) joined.push(new Joined(messages.slice(from)));
  return joined;
}
