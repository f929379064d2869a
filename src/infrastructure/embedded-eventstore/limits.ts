/** Every bound of the node. All can be set when it is started; sizes are bytes, times milliseconds. */
export const defaultLimits = {
  /** Data of all events of one append, as EventStoreDB counts and by its default. */
  maxAppendBytes: 1024 * 1024,
  /** Types and metadata of all events of one append; EventStoreDB has no bound of its own for them. */
  maxAppendMetadataBytes: 4 * 1024 * 1024,
  /** One gRPC message that comes in. The client cuts batch appends into chunks of 3 MiB. */
  maxRequestBytes: 17 * 1024 * 1024,
  /** Memory that the HTTP/2 session of one client may use, in megabytes. */
  maxSessionMegabytes: 64,
  /** Not of the `$$` of a metadata stream. What an index of Postgres holds in one entry is the most that works. */
  maxStreamNameBytes: 2_560,
  maxEventTypeBytes: 2_048,
  /** Appends that wait for their turn; one more is answered with UNAVAILABLE "Server Is Too Busy". */
  maxWaitingAppends: 8_192,
  maxWaitingBytes: 64 * 1024 * 1024,
  /** Unfinished batch appends of one connection (their chunks are still arriving). */
  maxOpenBatchAppends: 64,
  /** What one database statement commits. */
  maxCommitEvents: 2_048,
  maxCommitBytes: 4 * 1024 * 1024,
  /** An append that is not committed after this time is answered "timed out"; its outcome is not known then. */
  appendTimeoutMs: 10_000,
  /** Streams whose last revision and metadata the writer remembers. */
  maxKnownStreams: 50_000,
  /** Event ids remembered for repeated appends with expected revision "any" and "stream_exists": at least half as many. */
  maxKnownEventIds: 20_000,
  /** The newest events, kept in memory for live subscriptions. */
  maxTailEvents: 4_096,
  maxTailBytes: 2 * 1024 * 1024,
  /** What one read of the database brings. At least one event comes, whatever its size. */
  pageEvents: 250,
  pageBytes: 256 * 1024,
  /** Events that one step of a filtered read looks at. */
  scanEvents: 1_000,
  /** Searches by regular expression give way to all else after so long ... */
  searchSliceMs: 4,
  /** ... and take so much of the node's time at most, all together; connections take turns. */
  searchSharePercent: 50,
  /** What one read has on its way to its caller beside what HTTP/2 holds. */
  sendAheadBytes: 64 * 1024,
  /** Database connections for reads. */
  readConnections: 4,
  /** Reads and subscriptions at once, each of which holds at most two pages; one more is answered with RESOURCE_EXHAUSTED. */
  maxReads: 500,
  /** A read that finds the database gone waits this long for it. */
  readRetryMs: 10_000,
  /** The database may be away this long; then the node gives up. */
  recoveryMs: 10 * 60_000,
  recoveryPauseMs: 100,
  /** A killed node may hold the writer lock a little longer than it lives. */
  lockWaitMs: 2_000,
  /** Between two signs of life on the connection that writes. */
  beatMs: 1_000,
  /** A node that the database has not heard of for longer loses that connection, and another node may take its place. */
  silenceMs: 8_000,
  /** V8's young generation in the node's thread, in megabytes. Not of the old one: a thread that reached it would die. */
  youngGenerationMegabytes: 6,
  /** `close` lets calls in flight end this long. */
  closeMs: 5_000,
};

export type Limits = Readonly<typeof defaultLimits>;
