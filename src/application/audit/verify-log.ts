import type { EventLog, RecordedEvent } from '../log/event-log.js';
import type { AuditTree } from './audit-tree.js';
import { AUDITED_PREFIXES, hashOfLeaf, type Leaf, presentPosition } from './audited-log.js';
import { ChainWalk, type Unhashed, Tombstones } from './chain-walk.js';
import { hashedHere, type HashedLog } from './hashed-event.js';
import { UnsignedMoves } from './unsigned-moves.js';
import { movedSize, type SignedTreeHead } from './signed-tree-head.js';
import { inOrder, type Finding, type Unsigned } from './finding.js';
import { isSame, diagnoseMismatch } from './diagnose-mismatch.js';
import { Frontier } from './merkle.js';
import type { ArtifactWalk } from './verify-artifacts.js';

/** Adds leaf by leaf, and compares the root with each signed one when its size is reached. */
class Roots {
  private readonly bySize: readonly SignedTreeHead[];

  constructor(
    checkpoints: readonly SignedTreeHead[],
    private readonly frontier = new Frontier(),
    private readonly right = new Set<SignedTreeHead>(),
    private next = 0,
  ) {
    this.bySize = [...checkpoints].sort((a, b) => a.tree_size - b.tree_size);
  }

  /** Goes on apart from this one. */
  copy(): Roots {
    return new Roots(this.bySize, this.frontier.copy(), new Set(this.right), this.next);
  }

  /** @returns whether the root of the tree up to here is a signed one */
  add(leaf: Buffer): boolean {
    this.frontier.append(leaf);
    let isSigned = false;
    for (; this.bySize[this.next]?.tree_size === this.frontier.size; this.next++) {
      const signed = this.bySize[this.next]!;
      if (this.frontier.root().toString('hex') !== signed.root) continue;
      this.right.add(signed);
      isSigned = true;
    }
    return isSigned;
  }

  get size(): number {
    return this.frontier.size;
  }

  /** The size of the largest tree with a signed root. */
  get covered(): number {
    return this.bySize.findLast((signed) => this.right.has(signed))?.tree_size ?? 0;
  }

  /** The first that has another root, or was never reached. */
  firstWrong(): SignedTreeHead | undefined {
    return this.bySize.find((signed) => !this.right.has(signed));
  }

  lastRightBefore(wrong: SignedTreeHead): SignedTreeHead | undefined {
    return this.bySize.findLast((signed) => this.right.has(signed) && signed.tree_size < wrong.tree_size);
  }

  /** The first with the right root that covers the leaf of that index. */
  coverOf(index: number): SignedTreeHead | undefined {
    return this.bySize.find((signed) => this.right.has(signed) && signed.tree_size > index);
  }
}

const PAGE = 1_000;

/** `hashed`: the same log, where it can be hashed elsewhere. `artifacts` is given what the events name. */
type Ports = Readonly<{ log: EventLog; tree: AuditTree; hashed?: HashedLog; artifacts?: ArtifactWalk }>;

type LogVerified = Readonly<{
  events: number;
  streams: number;
  /** Events in the largest tree of the log whose root is a signed one. */
  covered: number;
  /** What came after them; null where nothing did. */
  unsigned: Unsigned | null;
  unhashed: Unhashed | null;
  findings: readonly Finding[];
}>;

type Difference = Readonly<{ event: RecordedEvent | undefined; leaf: Leaf; rest: readonly Leaf[] }>;

/**
 * Reads the whole log once. What the signed roots are compared with is made of the log alone; the stored tree only tells
 * where the first difference is, and only as far as its own root is a signed one.
 * @param moved how many events, from the first on, may stand elsewhere than where they were recorded
 */
export const verifyLog = async (
  ports: Ports,
  checkpoints: readonly SignedTreeHead[],
  moved = movedSize(checkpoints),
): Promise<LogVerified> => {
  const chain = new ChainWalk();
  const tombstones = new Tombstones();
  // Only what was in the tree before the log is read: all of that is in the log, whatever comes meanwhile.
  const leaves = new Leaves(ports.tree, await ports.tree.size());
  const moves = new UnsignedMoves(moved);
  const ofLog = new Roots(checkpoints);
  const hashed = ports.hashed ?? hashedHere(ports.log);
  // As long as the tree is what the log says, its roots are those of the log.
  let ofTree: Roots | undefined;
  let broken: Finding | undefined;
  let difference: Difference | undefined;
  let since: Date | undefined;
  for await (const page of hashed.pages(AUDITED_PREFIXES)) {
    for (const event of page) {
      const { hash, leafHash, link, files } = event;
      const found = tombstones.step(event) ? undefined : chain.linked(event, hash, link);
      broken ??= found;
      moves.step(event, ofLog.size);
      const leaf = leaves.nextOfPage() ?? (await leaves.next());
      if (leaf && !ofTree && !isSame(event, hash, leaf)) {
        difference = { event: await hashed.whole(event), leaf, rest: [] };
        ofTree = ofLog.copy();
      }
      since = ofLog.add(leafHash) ? undefined : (since ?? event.recordedAt);
      if (leaf) ofTree?.add(hashOfLeaf(leaf));
      if (files.length > 0) await ports.artifacts?.step(event, files);
    }
  }
  for (let leaf = await leaves.next(); leaf; leaf = await leaves.next()) {
    ofTree ??= ofLog.copy();
    ofTree.add(hashOfLeaf(leaf));
    difference ??= { event: undefined, leaf, rest: leaves.ahead() };
  }
  const signed = await compare(ports, ofLog, ofTree ?? ofLog, difference);
  const unexplained = broken && !isExplained(broken, signed) ? [broken] : [];
  const findings = inOrder([...signed, ...unexplained, ...moves.findings, ...tombstones.findings]);
  const { count: streams, unhashed } = chain;
  const { size: events, covered } = ofLog;
  const unsigned = since ? { events: events - covered, since } : null;
  return { events, streams, covered, unsigned, unhashed, findings };
};

/** A break in the chain at or behind what the tree tells already is its consequence, or the same. */
const isExplained = (broken: Finding, signed: readonly Finding[]): boolean =>
  signed.some(({ position }) => position !== null && broken.position !== null && position <= broken.position);

const compare = async (
  ports: Ports,
  ofLog: Roots,
  ofTree: Roots,
  difference: Difference | undefined,
): Promise<readonly Finding[]> => {
  const wrong = ofLog.firstWrong();
  const index = difference?.leaf.index ?? Infinity;
  const signer = ofTree.coverOf(index);
  const isOfLog = wrong ? index < wrong.tree_size && signer : index >= ofLog.covered;
  if (difference && isOfLog) {
    const finding = await diagnoseMismatch(ports, difference.event, difference.leaf, difference.rest);
    return [{ ...finding, checkpoint: signer?.number ?? null }];
  }
  if (wrong) {
    const [after, from] = [ofLog.lastRightBefore(wrong), BigInt(wrong.position)];
    const what =
      `The ${wrong.tree_size} events up to here have not the root of checkpoint ${wrong.number}` +
      (after ? `; those up to position ${after.position} (checkpoint ${after.number}) are as they were` : '') +
      '. The stored tree does not have it either, and cannot tell which event it is';
    return [{ kind: 'history-rewritten', position: from, stream: '', revision: null, what, checkpoint: wrong.number }];
  }
  if (!difference) return [];
  const { stream, revision } = difference.leaf;
  const position = presentPosition(difference.leaf);
  const what = 'The log is as signed; the stored tree is not. Stop the application and run `npm run audit -- rebuild`';
  return [{ kind: 'tree-damaged', position, stream, revision, what, checkpoint: signer?.number ?? null }];
};

/** The leaves as the tree stores them, a page at a time. */
export class Leaves {
  private page: readonly Leaf[] = [];
  private at = 0;
  private from = 0;
  /** The next page, on its way. */
  private coming: Promise<readonly Leaf[]> | undefined;

  /** @param size how many leaves are looked at */
  constructor(
    private readonly tree: AuditTree,
    private readonly size: number,
  ) {}

  async next(): Promise<Leaf | undefined> {
    if (this.at === this.page.length) {
      if (this.from >= this.size) return undefined;
      this.page = await (this.coming ?? this.read());
      this.at = 0;
      this.from = this.page.length > 0 ? this.page.at(-1)!.index + 1 : this.size;
      this.coming = this.from < this.size ? this.read() : undefined;
      this.coming?.catch(() => undefined); // it is thrown where it is awaited
    }
    return this.nextOfPage();
  }

  /** Undefined where the page is over: a leaf of it costs no promise. */
  nextOfPage(): Leaf | undefined {
    return this.at < this.page.length ? this.page[this.at++] : undefined;
  }

  private read(): Promise<readonly Leaf[]> {
    return this.tree.leaves(this.from, Math.min(PAGE, this.size - this.from));
  }

  /** Those of this page that were not asked for yet. */
  ahead(): readonly Leaf[] {
    return this.page.slice(this.at);
  }
}
