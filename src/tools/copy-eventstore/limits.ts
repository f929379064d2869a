export type CopyLimits = Readonly<{
  /** How long a server may say nothing while an answer is due. */
  idleMs: number;
  /** Stream metadata and tombstones of one log, kept in memory until its events are copied. */
  keptEvents: number;
  keptBytes: number;
  /** Of types, data and metadata in one append; an event with more goes alone. Servers take 1 MiB. */
  appendBytes: number;
  appendEvents: number;
  appendsInFlight: number;
  bytesInFlight: number;
}>;

const MIB = 1024 * 1024;

export const copyLimits: CopyLimits = {
  idleMs: 60_000,
  keptEvents: 200_000,
  keptBytes: 128 * MIB,
  appendBytes: 512 * 1024,
  appendEvents: 100,
  appendsInFlight: 64,
  bytesInFlight: 16 * MIB,
};

/** More than can have been in flight when an append was refused: what was is a little more than `bytesInFlight`. */
export const isBeyond = (limits: CopyLimits, events: number, bytes: number) =>
  events > limits.appendsInFlight * limits.appendEvents || bytes > 2 * limits.bytesInFlight;
