/** What an instance allows its streams. An abstract class, so that it is its own injection token. */
export abstract class StreamBounds {
  /** Streams at the same time; a client beyond that is asked to come again. */
  abstract readonly open: number;
  /** Between two signs of life. */
  abstract readonly heartbeatMs: number;
  /** After which a client that was cut off comes again, at least; up to twice that, so that not all come at once. */
  abstract readonly retryMs: number;
  /** Bytes that may wait for one client before it is written to no more until it has taken them. */
  abstract readonly bufferBytes: number;
  /** A client that has not taken what waits for it after so long is let go. */
  abstract readonly stalledMs: number;
  /** How long a client that is let go may take to read why. */
  abstract readonly goodbyeMs: number;
}
