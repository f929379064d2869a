/** What the node stores and how a caller may expect a stream to be. */

/** Revision of a tombstone, and the `$tb` of a deleted stream: the largest the protocol knows. */
export const DELETED = 2n ** 63n - 1n;
export const NO_REVISION = -1n;

export const METADATA_TYPE = '$metadata';
export const TOMBSTONE_TYPE = '$streamDeleted';
export const LINK_TYPE = '$>';

export type ProposedEvent = Readonly<{
  /** UUID in its usual text form, lower case. */
  id: string;
  type: string;
  json: boolean;
  data: Uint8Array;
  metadata: Uint8Array;
}>;

export type StoredEvent = ProposedEvent &
  Readonly<{
    stream: string;
    /** From 0, without gaps; DELETED for the tombstone. */
    revision: bigint;
    /** From 1, increasing over the whole log. */
    position: bigint;
    /** Milliseconds since 1970, UTC. */
    created: number;
    /** The client that appended it, where that has named itself: known in memory only. */
    appender?: string | undefined;
  }>;

const USUAL_UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
export const isUsualUuid = (text: string): boolean => USUAL_UUID.test(text);

export type Expected = bigint | 'any' | 'no_stream' | 'stream_exists';

/**
 * An append to this stream shows that the log can be written: its event is inserted and taken away in one transaction, and
 * nothing is left. A log in which nothing happens does not grow by being asked whether it could.
 */
export const PROBE_STREAM = 'health-probe';

/** EventStoreDB's own measure of an event. */
export const sizeOf = (event: ProposedEvent) => event.type.length * 2 + event.data.length + event.metadata.length;

/** The stream `$$x` holds the metadata of stream `x`. */
export const metastreamOf = (stream: string) => `$$${stream}`;
export const isMetastream = (stream: string) => stream.startsWith('$$');
export const originalOf = (stream: string) => (isMetastream(stream) ? stream.slice(2) : stream);
