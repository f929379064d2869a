/** What has happened to an event, where the log is not what the tree holds. */
import type { Json } from '../../domain/json.js';
import { eventHash, hashOf } from '../log/event-hash.js';
import type { EventLog, RecordedEvent } from '../log/event-log.js';
import type { AuditTree } from './audit-tree.js';
import { recordedPosition } from '../log/recorded-place.js';
import { presentPosition, type Leaf, type PlacedEvent } from './audited-log.js';
import type { Finding, FindingKind } from './finding.js';
import { readPresent } from './chain-walk.js';

/** More than any stream that one read takes. */
const STREAM_LEAVES = 100_000;

export const isSame = (event: PlacedEvent, hash: string, leaf: Leaf): boolean =>
  isAt(event, leaf) && hash === leaf.hash && event.recordedAt.getTime() === leaf.recordedAt.getTime();

const isAt = (event: PlacedEvent, leaf: Leaf): boolean =>
  recordedPosition(event) === leaf.position &&
  event.stream === leaf.stream &&
  event.revision === leaf.revision &&
  event.id === leaf.id;

type Ports = Readonly<{ log: EventLog; tree: AuditTree }>;

/**
 * @param event what stands where the leaf's event should; undefined where the log has ended
 * @param rest the leaves after it, where the log has ended
 */
export const diagnoseMismatch = async (
  { log, tree }: Ports,
  event: RecordedEvent | undefined,
  leaf: Leaf,
  rest: readonly Leaf[],
): Promise<Finding> => {
  const place = { ...leaf, position: presentPosition(leaf) };
  const missing = (kind: FindingKind, what: string): Finding => finding(kind, place, what);
  if (event && isAt(event, leaf)) return edited(event, leaf, event);
  const { events, tombstone } = await readPresent(log, leaf.stream);
  if (tombstone && events.length === 0) return { ...tombstone, position: place.position };
  const revision = events.at(-1)?.revision ?? 'none';
  const now = events.find(({ id }) => id === leaf.id);
  if (event && (recordedPosition(event) < leaf.position || now)) {
    const leaves = await tree.leavesOf(event.stream, STREAM_LEAVES);
    if (!leaves.some(({ id }) => id === event.id))
      return finding('inserted-event', event, `Event ${event.id} was not there when the tree was made`);
  }
  if (now) {
    const where = `position ${now.position}, revision ${now.revision}`;
    return missing('reordered', `Event ${leaf.id} of position ${place.position} now stands at ${where}`);
  }
  if (event && recordedPosition(event) === leaf.position)
    return missing('edited-event', `Event ${leaf.id} was exchanged for event ${event.id} of stream ${event.stream}`);
  const isOnlyStream = rest.every(({ stream }) => stream === leaf.stream);
  if (revision === 'none' && (event || (isOnlyStream && leaf.revision === 0n)))
    return missing('removed-stream', `The whole stream is gone; event ${leaf.id} was its first`);
  const isTail = revision === 'none' || revision < leaf.revision;
  if (!event || isTail) {
    const whose = event || isOnlyStream ? 'of its stream' : 'of the log';
    return missing('truncated-tail', `From event ${leaf.id} on the tail ${whose} is gone`);
  }
  return missing('deleted-event', `Event ${leaf.id} is gone`);
};

const edited = (event: RecordedEvent, leaf: Leaf, place: Place): Finding => {
  if (eventHash(event) === leaf.hash) {
    const [then, now] = [leaf.recordedAt.toISOString(), event.recordedAt.toISOString()];
    return finding('recorded-time-changed', place, `It was recorded at ${then}, and is now said to be of ${now}`);
  }
  if (hashOf(event.data as Json) !== leaf.dataHash)
    return finding('edited-data', place, `The data of event ${leaf.id} are not those that were recorded`);
  return finding('edited-metadata', place, `Metadata or type of event ${leaf.id} are not those that were recorded`);
};

type Place = Readonly<{ position: bigint; stream: string; revision: bigint }>;
const finding = (kind: FindingKind, { position, stream, revision }: Place, what: string): Finding => ({
  ...{ kind, position, stream, revision, what },
  checkpoint: null,
});
