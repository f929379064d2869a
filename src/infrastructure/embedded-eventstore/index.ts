/** The embedded event node: EventStoreDB's protocol over Postgres. All that others use of it is here. */
export { findRunningNode } from './register.js';
export { SharedNode } from './shared-node.js';
export { startEmbeddedEventStore, type EmbeddedEventStore, type EmbeddedEventStoreOptions } from './shared-node.js';
export { AnotherNodeRuns } from './storage/storage.js';
export { HASHING_LIMITS, HashedStoredLog } from './storage/hashed-stored-log.js';
export { StoredLog } from './storage/stored-log.js';
export { StoredStreams } from './storage/stored-streams.js';
