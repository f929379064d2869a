/** What the tree is made of. A storage contract: another list, order or text would be another tree. */
import { ACCESS_STREAM_PREFIX } from '../../domain/access/directory.js';
import { AGENT_STREAM_PREFIX } from '../../domain/agent/hold.js';
import { REVIEW_STREAM_PREFIX } from '../../domain/audit/review.js';
import { SIGNATURE_STREAM_PREFIX } from '../../domain/audit/signature.js';
import { canonicalJson, type Json } from '../../domain/json.js';
import { PROJECTION_STREAM_PREFIX } from '../../domain/projection/events.js';
import { POISON_STREAM_PREFIX } from '../../domain/projection/poison-orders.js';
import { STREAM_PREFIX } from '../../domain/workflow/index.js';
import { WEBHOOK_STREAM_PREFIX } from '../../domain/webhook/webhook.js';
import { linkOf, hashOf } from '../log/event-hash.js';
import type { RecordedEvent, EventLog } from '../log/event-log.js';
import { LOG_STREAM } from '../log/log-identity.js';
import { recordedPosition } from '../log/recorded-place.js';
import { PROBE_STREAM } from '../log/write-probe.js';
import { leafHash } from './merkle.js';

/**
 * The streams that this application writes, in the order of the log: executions and reviews of them, agents' holds, rebuilds
 * of read tables, orders for executions that are held back, who may do what and who was let in, signatures. Tree heads are not among them: none can cover itself. Each
 * names the one before it instead.
 */
export const AUDITED_PREFIXES: readonly string[] = [
  STREAM_PREFIX,
  REVIEW_STREAM_PREFIX,
  AGENT_STREAM_PREFIX,
  PROJECTION_STREAM_PREFIX,
  POISON_STREAM_PREFIX,
  ACCESS_STREAM_PREFIX,
  SIGNATURE_STREAM_PREFIX,
];
export const TREE_HEAD_STREAM = 'audit-checkpoints';

/** An event's place in the tree. What counts is in `leafText`; `dataHash` only shows later what of it was edited. */
export type Leaf = Readonly<{
  /** From 0, without gaps. */
  index: number;
  /** Where the event stood when it was recorded. */
  position: bigint;
  /** Where it stands since the log was moved; null where it was recorded in this log. */
  movedTo: bigint | null;
  recordedAt: Date;
  stream: string;
  revision: bigint;
  id: string;
  /** SHA-256 (hex) of the event, see event-hash.ts. */
  hash: string;
  dataHash: string;
}>;

export const leafOf = (event: RecordedEvent, index: number): Leaf => {
  const { position, movedFrom, recordedAt, stream, revision, id } = event;
  return {
    index,
    position: recordedPosition(event),
    movedTo: movedFrom === undefined ? null : position,
    recordedAt,
    stream,
    revision,
    id,
    hash: linkOf(event),
    dataHash: hashOf(event.data as Json),
  };
};

type Covered = Omit<Leaf, 'index' | 'movedTo' | 'dataHash'>;

/** The members stand in the order of canonical JSON, which has nothing to sort then. */
const leafText = ({ position, recordedAt, stream, revision, id, hash }: Covered): string =>
  // In the order of canonical JSON: nothing has to be sorted.
  canonicalJson({
    hash,
    id,
    position: String(position),
    recorded_at: recordedAt.toISOString(),
    revision: String(revision),
    stream,
  });

export const hashOfLeaf = (leaf: Covered): Buffer => leafHash(leafText(leaf));

/** An event without what it says. */
export type PlacedEvent = Readonly<Pick<RecordedEvent, 'position' | 'recordedAt' | 'stream' | 'revision' | 'id'>> &
  Readonly<{ movedFrom?: bigint | undefined }>;

/** The hash of the leaf that an event has in the tree. @param hash what `eventHash` makes of the event */
export const hashOfEventLeaf = (event: PlacedEvent, hash: string): Buffer => {
  const { recordedAt, stream, revision, id } = event;
  return hashOfLeaf({ position: recordedPosition(event), recordedAt, stream, revision, id, hash });
};

/** Where the event of a leaf stands in this log. */
export const presentPosition = ({ position, movedTo }: Pick<Leaf, 'position' | 'movedTo'>): bigint =>
  movedTo ?? position;

/** The log as it is now, in its order, of streams with one of these prefixes; after a position (exclusive). */
export async function* presentLog(
  log: EventLog,
  prefix: string | readonly string[],
  after: bigint | 'start' = 'start',
  until?: AbortSignal,
): AsyncGenerator<RecordedEvent, void, undefined> {
  const ending = new AbortController();
  const signal = until ? AbortSignal.any([until, ending.signal]) : ending.signal;
  try {
    for await (const seen of log.subscribe({ prefix, after, signal })) {
      if (seen.kind === 'caught-up') return;
      if (seen.kind === 'event') yield seen.event;
    }
  } finally {
    ending.abort();
  }
}

/** What the names of all streams begin with that this application writes. Events are added to them; nothing is ever taken away. */
export const OWN_STREAM_PREFIXES: readonly string[] = [
  ...[...AUDITED_PREFIXES, WEBHOOK_STREAM_PREFIX],
  ...[TREE_HEAD_STREAM, PROBE_STREAM, LOG_STREAM],
];
