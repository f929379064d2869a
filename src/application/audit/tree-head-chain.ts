import { measured } from '../log/event-hash.js';
import type { EventLog, StreamTombstoned } from '../log/event-log.js';
import type { ForeignEvents } from '../log/foreign-events.js';
import { failpoint } from '../runtime/failpoint.js';
import { eventId } from '../log/ids.js';
import { StreamWriter } from '../log/stream-writer.js';
import type { AuditLease, AuditTree } from './audit-tree.js';
import { TREE_HEAD_STREAM } from './audited-log.js';
import {
  treeHeadHash,
  signedText,
  type TreeHeadSigner,
  type OutsideTreeHeads,
  type TreeHeadNews,
  type SignedTreeHead,
} from './signed-tree-head.js';
import type { Clock } from '../runtime/clock.js';
import { spkiOf, keyAfter, mustBeAllowed } from './keys.js';
import { HeadsInLog, HeadsInTable, tombstoneOf, type Found, type StreamEnd } from './tree-head-stream.js';

const [SIGNED, KEY_CHANGED, LOG_MOVED] = ['AuditCheckpointSigned', 'AuditKeyChanged', 'AuditLogMoved'] as const;

export type TreeHeadDependencies = Readonly<{
  tree: AuditTree;
  log: EventLog;
  clock: Clock;
  signer: TreeHeadSigner;
  /** Ids of keys that an operator vouches for. */
  pins: ReadonlySet<string>;
  outside: OutsideTreeHeads;
  foreign?: ForeignEvents;
}>;

/**
 * The tree heads signed so far, each of which names the one before it: first in the log, at an expected revision, so that there
 * is one line of them; then in the table and the file. Where an operator has tombstoned their stream, the table is in the log's
 * place: only the leader writes to it.
 */
export class TreeHeadChain {
  private constructor(
    private readonly ports: TreeHeadDependencies,
    private readonly session: AuditLease,
    private last: SignedTreeHead | null,
    private end: StreamEnd,
    /** Null where the log takes tree heads. */
    readonly tombstoned: StreamTombstoned | null,
  ) {}

  /**
   * Brings the table and the file up to the log, after a crash between the three.
   * @throws where the file holds what the log lacks, or this key may not go on: then the leader signs nothing
   */
  static async read(ports: TreeHeadDependencies, session: AuditLease): Promise<TreeHeadChain> {
    const outside = await ports.outside.last();
    const kept = await ports.tree.latestTreeHead();
    const [keptTo, outsideTo] = [kept?.number ?? -1, outside?.number ?? -1];
    const tombstoned = await tombstoneOf(ports.log);
    const reader = tombstoned ? new HeadsInTable(ports.tree) : new HeadsInLog(ports);
    if (outside) mustHold(await reader.find(outside), outside);
    let last: SignedTreeHead | undefined;
    // Page by page: where the table or the file is gone, this brings back all that was ever signed.
    for await (const page of reader.from(tombstoned || outsideTo <= keptTo ? outside : kept)) {
      for (const head of page) if (head.number > keptTo) await session.keep(head);
      const missing = page.filter(({ number }) => number > outsideTo);
      if (missing.length > 0) await ports.outside.append(missing);
      last = page.at(-1) ?? last;
    }
    const changes = await ports.tree.keyChanges();
    mustBeAllowed(ports.signer, ports.pins, { last: last ?? null, changes });
    return new TreeHeadChain(ports, session, last ?? null, reader.end, tombstoned);
  }

  /** The last that was signed; null before the first. */
  get latest(): SignedTreeHead | null {
    return this.last;
  }

  /** Events that are covered. */
  get size(): number {
    return this.last?.tree_size ?? 0;
  }

  /** The id of the key that has to sign what comes next; null before the first. */
  get nextKey(): string | null {
    return this.last && keyAfter(this.last);
  }

  /** Whether another key has signed the last tree head, though this key is to go on. */
  get isOfAnotherKey(): boolean {
    return this.last !== null && this.last.key_id !== this.ports.signer.keyId;
  }

  /** The key names the next one, which signs at once: no other process that still has the old one can come between. */
  async changeKey(next: TreeHeadSigner): Promise<void> {
    const { tree_size: size, root, position } = this.last!;
    const covered = [size, Buffer.from(root, 'hex'), BigInt(position)] as const;
    await this.sign(...covered, {
      key_change: { from: spkiOf(this.ports.signer.publicKey), to: spkiOf(next.publicKey) },
    });
    const asNext = { ...this.ports, signer: next };
    await new TreeHeadChain(asNext, this.session, this.last, this.end, this.tombstoned).sign(...covered);
  }

  async sign(treeSize: number, root: Buffer, position: bigint, news: TreeHeadNews = {}): Promise<void> {
    const { signer, clock, outside } = this.ports;
    const unsigned = {
      format: 'workflow-executor/checkpoint/1' as const,
      number: (this.last?.number ?? -1) + 1,
      tree_size: treeSize,
      root: root.toString('hex'),
      position: String(position),
      at: clock.now().toISOString(),
      key_id: signer.keyId,
      previous: this.last ? treeHeadHash(this.last) : null,
      ...news,
    };
    const head: SignedTreeHead = { ...unsigned, signature: signer.sign(signedText(unsigned)) };
    failpoint('checkpoint-signed');
    if (!this.tombstoned) this.end = await this.append(head);
    failpoint('after-commit');
    failpoint('checkpoint-appended');
    await this.session.keep(head);
    failpoint('checkpoint-kept');
    await outside.append([head]);
    this.last = head;
  }

  private async append(checkpoint: SignedTreeHead): Promise<StreamEnd> {
    const { log, clock } = this.ports;
    const { number, at, key_change: change, move } = checkpoint;
    const type = change ? KEY_CHANGED : move ? LOG_MOVED : SIGNED;
    const metadata = { occurredAt: at, actor: { type: 'system', id: 'audit' } };
    const { dataHash, content, bytes } = measured(type, checkpoint, metadata);
    const id = eventId(TREE_HEAD_STREAM, String(number), 0, content);
    const made = { event: { id, type, data: checkpoint, metadata }, dataHash, bytes };
    return new StreamWriter(log, clock).appendBehind(TREE_HEAD_STREAM, [made], this.end);
  }
}

const mustHold = (found: Found, outside: SignedTreeHead): void => {
  if (found === 'same') return;
  throw new Error(
    `The file of checkpoints ends with number ${outside.number}, which the log ${found === 'other' ? 'has differently' : 'lacks'}: ` +
      'expected the file of this log. Run `npm run audit -- verify --all`; if the log was restored from an older copy, ' +
      'move the file away. Nothing is signed until then',
  );
};

/**
 * The key of `ports` names the next one, which signs a tree head at once. What an earlier attempt has done is not done again.
 * @returns false where nothing is signed yet: then there is no key to name the next one, which can just take the place
 * @throws where the key of `ports` may not sign
 */
export const changeKey = async (
  ports: TreeHeadDependencies,
  session: AuditLease,
  next: TreeHeadSigner,
): Promise<boolean> => {
  const asNext = await TreeHeadChain.read({ ...ports, signer: next, pins: new Set([next.keyId]) }, session);
  if (asNext.nextKey === null) return false;
  if (asNext.nextKey !== next.keyId) await (await TreeHeadChain.read(ports, session)).changeKey(next);
  return true;
};
