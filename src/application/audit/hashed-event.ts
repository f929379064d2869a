/** What the verification of the whole log needs of an event: computed once, here or in a thread. */
import type { JsonObject } from '../../domain/json.js';
import type { ArtifactRef } from '../../domain/workflow/events.js';
import { STREAM_PREFIX } from '../../domain/workflow/index.js';
import { eventHash, type ChainLink } from '../log/event-hash.js';
import type { EventLog, RecordedEvent } from '../log/event-log.js';
import { hashOfEventLeaf, type PlacedEvent, presentLog } from './audited-log.js';
import { filesOf } from './pack/lineage.js';

export type EventHashes = Readonly<{
  /** What `eventHash` makes of the event. */
  hash: string;
  /** Of the leaf that the event has in the tree. */
  leafHash: Buffer;
  /** As the event carries it, right or wrong. */
  link: Partial<ChainLink>;
  /** Those that an execution's event names. */
  files: readonly ArtifactRef[];
}>;

export type HashedEvent = PlacedEvent & Pick<RecordedEvent, 'type'> & EventHashes;

/** The log as it is now, a page at a time, of streams with one of these prefixes. */
export type HashedLog = Readonly<{
  pages: (prefixes: readonly string[]) => AsyncIterable<readonly HashedEvent[]>;
  /** The event itself, to say what is wrong with it. */
  whole: (event: HashedEvent) => Promise<RecordedEvent>;
}>;

/** Pure. */
export const hashesOf = (event: RecordedEvent): EventHashes => {
  const hash = eventHash(event);
  const { hash: own, previousHash } = (event.metadata ?? {}) as ChainLink;
  return { hash, leafHash: hashOfEventLeaf(event, hash), link: { hash: own, previousHash }, files: filesIn(event) };
};

const NONE: readonly ArtifactRef[] = [];

const filesIn = ({ stream, type, data }: RecordedEvent): readonly ArtifactRef[] =>
  type === 'StepCompleted' && stream.startsWith(STREAM_PREFIX) && isObject(data) ? filesOf(data) : NONE;

const isObject = (data: unknown): data is JsonObject =>
  typeof data === 'object' && data !== null && !Array.isArray(data);

/** Any log, hashed here. */
export const hashedHere = (log: EventLog): HashedLog => ({
  pages: async function* (prefixes) {
    for await (const event of presentLog(log, prefixes)) yield [{ ...event, ...hashesOf(event) }];
  },
  whole: (event) => Promise.resolve(event as HashedEvent & RecordedEvent),
});
