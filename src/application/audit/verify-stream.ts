import { eventHash } from '../log/event-hash.js';
import type { EventLog, RecordedEvent } from '../log/event-log.js';
import type { AuditTree } from './audit-tree.js';
import { hashOfLeaf, presentPosition, type Leaf } from './audited-log.js';
import { ChainWalk, type Unhashed, readPresent } from './chain-walk.js';
import { UnsignedMoves } from './unsigned-moves.js';
import { movedSize, type SignedTreeHead } from './signed-tree-head.js';
import { inOrder, type Finding, type Unsigned } from './finding.js';
import { KeyWalk, type Judged, type TrustedKeys } from './keys.js';
import { rootOfInclusion } from './merkle.js';
import { isSame, diagnoseMismatch } from './diagnose-mismatch.js';

/** More than any stream that one read takes. */
const STREAM_LEAVES = 100_000;

type Ports = Readonly<{ log: EventLog; tree: AuditTree; keys: TrustedKeys }>;

type StreamVerified = Readonly<{
  /** As they were read. */
  recorded: readonly RecordedEvent[];
  events: number;
  /** Events that the tree head covers, each with a proof. */
  proved: number;
  checkpoint: SignedTreeHead | null;
  /** Signed moves of the log, by a trusted key, that cover events of this stream. */
  moves: readonly SignedTreeHead[];
  /** What came after those that are proved; null where nothing did. */
  unsigned: Unsigned | null;
  /** The first key that is known to have signed; null where none has. */
  firstKey: string | null;
  /** Keys whose public half was not found: what they have signed could not be checked. */
  missingKeys: readonly string[];
  unhashed: Unhashed | null;
  findings: readonly Finding[];
}>;

/** One stream: each event against itself, the one before it, the stored tree, and the latest signed root. */
export const verifyStream = async ({ log, tree, keys }: Ports, stream: string): Promise<StreamVerified> => {
  // What is in the tree is in the log: so what comes meanwhile is in the log only.
  const stored = await tree.leavesOf(stream, STREAM_LEAVES);
  const checkpoint = await tree.latestTreeHead();
  const { events, tombstone } = await readPresent(log, stream);
  // Its own leaf has nothing to be compared with; nor have the others, where the server no longer gives the events.
  const leaves = tombstone ? stored.slice(0, events.length) : stored;
  const findings: Finding[] = tombstone ? [tombstone] : [];
  const [changes, moves] = [await tree.keyChanges(), await tree.moves()];
  const { judged, trusted } = judge(keys, [...changes, ...moves], checkpoint);
  findings.push(...unsignedMovesIn(events, stored, movedSize(trusted)));
  const isTrusted = judged === 'trusted';
  const chain = new ChainWalk();
  const broken = events.map((event) => chain.step(event)).find((found) => found !== undefined);
  const at = leaves.findIndex((leaf, index) => {
    const event = events[index];
    return !event || !isSame(event, eventHash(event), leaf);
  });
  if (at >= 0) {
    const leaf = leaves[at]!;
    findings.push(await diagnoseMismatch({ log, tree }, events[at], leaf, leaves.slice(at + 1)));
  }
  if (broken && !(at >= 0 && presentPosition(leaves[at]!) <= (broken.position ?? 0n))) findings.push(broken);
  const covered = leaves.slice(0, at >= 0 ? at : undefined).filter(({ index }) => index < (checkpoint?.tree_size ?? 0));
  const size = checkpoint?.tree_size ?? 0;
  const proofs = await tree.inclusionProofs(
    covered.map(({ index }) => index),
    size,
  );
  const wrong = covered.find(
    (leaf, index) =>
      rootOfInclusion(hashOfLeaf(leaf), leaf.index, size, proofs[index]!)?.toString('hex') !== checkpoint?.root,
  );
  if (wrong) {
    const what = `Its proof does not lead to the root of checkpoint ${checkpoint!.number}: run it with --all`;
    const { stream, revision } = wrong;
    const place = { position: presentPosition(wrong), stream, revision };
    findings.push({ ...place, kind: 'history-rewritten', what, checkpoint: checkpoint!.number });
  }
  if (judged === 'untrusted' || judged === 'wrong-signature') {
    const place = { position: null, stream, revision: null, checkpoint: checkpoint!.number };
    const kind = judged === 'untrusted' ? 'wrong-key' : 'checkpoint-signature';
    findings.push({ ...place, kind, what: 'The latest checkpoint is not signed by a trusted key' });
  }
  const proved = isTrusted && !wrong ? covered.length : 0;
  const next = events[proved];
  return {
    recorded: events,
    events: events.length,
    proved,
    checkpoint,
    moves: trusted.filter(({ move, tree_size: covers }) => move && (leaves[0]?.index ?? Infinity) < covers),
    unsigned: next ? { events: events.length - proved, since: next.recordedAt } : null,
    firstKey: (changes[0] ?? checkpoint)?.key_id ?? null,
    missingKeys: judged === 'no-key' ? [checkpoint!.key_id] : [],
    unhashed: chain.unhashed,
    findings: inOrder(findings),
  };
};

const unsignedMovesIn = (
  events: readonly RecordedEvent[],
  leaves: readonly Leaf[],
  covered: number,
): readonly Finding[] => {
  const moves = new UnsignedMoves(covered);
  const indexes = new Map(leaves.map(({ id, index }) => [id, index]));
  for (const event of events) moves.step(event, indexes.get(event.id) ?? Infinity);
  return moves.findings;
};

type Judgement = Readonly<{ judged: Judged | null; trusted: readonly SignedTreeHead[] }>;

/**
 * By the changes of keys that led to it. Those are signed, as moves are: that they are read from a table does not matter.
 * `trusted`: those that a trusted key has signed.
 */
const judge = (keys: TrustedKeys, heads: readonly SignedTreeHead[], checkpoint: SignedTreeHead | null): Judgement => {
  const walk = new KeyWalk(keys);
  if (!checkpoint) return { judged: null, trusted: [] };
  const before = heads.filter(({ number }) => number < checkpoint.number).sort((a, b) => a.number - b.number);
  const trusted = before.filter((head) => walk.step(head) === 'trusted');
  const judged = walk.step(checkpoint);
  return { judged, trusted: judged === 'trusted' ? [...trusted, checkpoint] : trusted };
};
