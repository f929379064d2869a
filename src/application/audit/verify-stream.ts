import { eventHash } from '../event-hash.js';
import type { EventLog } from '../event-log.js';
import type { AuditTree } from './audit-tree.js';
import { hashOfLeaf } from './audited-log.js';
import { ChainWalk, type Unhashed } from './chain-walk.js';
import { isSignedBy, type SignedCheckpoint } from './checkpoint.js';
import { inOrder, type Finding } from './finding.js';
import { rootOfInclusion } from './merkle.js';
import { isSame, tellApart } from './tell-apart.js';
import { readPresent } from './tombstones.js';
import type { TrustedKeys } from './verify-checkpoints.js';

/** More than any stream that one read takes. */
const STREAM_LEAVES = 100_000;

type Ports = Readonly<{ log: EventLog; tree: AuditTree; keys: TrustedKeys }>;

export type StreamVerified = Readonly<{
  events: number;
  /** Events that the checkpoint covers, each with a proof. */
  proved: number;
  checkpoint: SignedCheckpoint | null;
  unhashed: Unhashed | null;
  findings: readonly Finding[];
}>;

/** One stream: each event against itself, the one before it, the stored tree, and the latest signed root. */
export const verifyStream = async ({ log, tree, keys }: Ports, stream: string): Promise<StreamVerified> => {
  const { events, tombstone } = await readPresent(log, stream);
  const stored = await tree.leavesOf(stream, STREAM_LEAVES);
  // Its own leaf has nothing to be compared with; nor have the others, where the server does not give the events any more.
  const leaves = tombstone ? stored.slice(0, events.length) : stored;
  const checkpoint = await tree.latestCheckpoint();
  const findings: Finding[] = tombstone ? [tombstone] : [];
  const key = checkpoint && keys.get(checkpoint.key_id);
  const isTrusted = !!checkpoint && !!key && isSignedBy(checkpoint, key);
  const chain = new ChainWalk();
  const broken = events.map((event) => chain.step(event)).find((found) => found !== undefined);
  const at = leaves.findIndex((leaf, index) => {
    const event = events[index];
    return !event || !isSame(event, eventHash(event), leaf);
  });
  if (at >= 0) {
    const leaf = leaves[at]!;
    findings.push(await tellApart({ log, tree }, events[at], leaf, leaves.slice(at + 1)));
  }
  if (broken && !(at >= 0 && leaves[at]!.position <= (broken.position ?? 0n))) findings.push(broken);
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
    findings.push({ ...wrong, kind: 'history-rewritten', what, checkpoint: checkpoint!.number });
  }
  const isSigned = isTrusted || checkpoint === null;
  const what = 'The latest checkpoint is not signed by a trusted key';
  if (!isSigned)
    findings.push({ kind: 'wrong-key', position: null, stream, revision: null, what, checkpoint: checkpoint.number });
  return {
    events: events.length,
    proved: isTrusted && !wrong ? covered.length : 0,
    checkpoint,
    unhashed: chain.unhashed,
    findings: inOrder(findings),
  };
};
