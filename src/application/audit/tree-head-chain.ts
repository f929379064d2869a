import { linkOf, measured } from '../log/event-hash.js';
import { isTombstone, StreamTombstoned, type EventLog, type RecordedEvent } from '../log/event-log.js';
import { failpoint } from '../runtime/failpoint.js';
import { eventId } from '../log/ids.js';
import { StreamWriter } from '../log/stream-writer.js';
import type { AuditLease, AuditTree } from './audit-tree.js';
import { TREE_HEAD_STREAM } from './audited-log.js';
import {
  treeHeadHash,
  readTreeHead,
  signedText,
  type TreeHeadSigner,
  type OutsideTreeHeads,
  type KeyChange,
  type SignedTreeHead,
} from './signed-tree-head.js';
import type { Clock } from '../runtime/clock.js';
import { spkiOf, keyAfter, mustBeAllowed } from './keys.js';

/** Tree heads in memory at a time. */
const PAGE = 500;

const [SIGNED, KEY_CHANGED] = ['AuditCheckpointSigned', 'AuditKeyChanged'] as const;

export type TreeHeadDependencies = Readonly<{
  tree: AuditTree;
  log: EventLog;
  clock: Clock;
  signer: TreeHeadSigner;
  /** Ids of keys that an operator vouches for. */
  pins: ReadonlySet<string>;
  outside: OutsideTreeHeads;
}>;

type Last = Readonly<{ head: SignedTreeHead; link: string | null }>;
/** `event`: null where the log no longer has it. */
type Stored = Readonly<{ head: SignedTreeHead; event: RecordedEvent | null }>;

/**
 * The tree heads signed so far, each of which names the one before it: first in the log, at an expected revision, so that there
 * is one line of them; then in the table and the file. Where an operator has tombstoned their stream, the table is in the log's
 * place: only the leader writes to it.
 */
export class TreeHeadChain {
  private constructor(
    private readonly ports: TreeHeadDependencies,
    private readonly session: AuditLease,
    private last: Last | null,
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
    const pageFrom = (number: number, limit: number) =>
      tombstoned ? inTable(ports, number, limit) : inLog(ports.log, number, limit);
    if (outside) mustHold((await pageFrom(outside.number, 1))[0], outside);
    let last: Stored | undefined;
    // Page by page: where the table or the file is gone, this brings back all that was ever signed.
    for (let from = Math.max(0, tombstoned ? outsideTo : Math.min(keptTo, outsideTo)); ;) {
      const page = await pageFrom(from, PAGE);
      for (const { head } of page) if (head.number > keptTo) await session.keep(head);
      const missing = page.flatMap(({ head }) => (head.number > outsideTo ? [head] : []));
      if (missing.length > 0) await ports.outside.append(missing);
      last = page.at(-1) ?? last;
      if (!last || page.length < PAGE) break;
      from = last.head.number + 1;
    }
    const changes = await ports.tree.keyChanges();
    mustBeAllowed(ports.signer, ports.pins, { last: last?.head ?? null, changes });
    const link = last?.event ? linkOf(last.event) : null;
    return new TreeHeadChain(ports, session, last ? { ...last, link } : null, tombstoned);
  }

  /** Events that are covered. */
  get size(): number {
    return this.last?.head.tree_size ?? 0;
  }

  /** The id of the key that has to sign what comes next; null before the first. */
  get nextKey(): string | null {
    return this.last && keyAfter(this.last.head);
  }

  /** Whether another key has signed the last tree head, though this key is to go on. */
  get isOfAnotherKey(): boolean {
    return this.last !== null && this.last.head.key_id !== this.ports.signer.keyId;
  }

  /** The key names the next one, which signs at once: no other process that still has the old one can come between. */
  async changeKey(next: TreeHeadSigner): Promise<void> {
    const { tree_size: size, root, position } = this.last!.head;
    const covered = [size, Buffer.from(root, 'hex'), BigInt(position)] as const;
    await this.sign(...covered, { from: spkiOf(this.ports.signer.publicKey), to: spkiOf(next.publicKey) });
    await new TreeHeadChain({ ...this.ports, signer: next }, this.session, this.last, this.tombstoned).sign(...covered);
  }

  async sign(treeSize: number, root: Buffer, position: bigint, change?: KeyChange): Promise<void> {
    const { signer, clock, outside } = this.ports;
    const unsigned = {
      format: 'workflow-executor/checkpoint/1' as const,
      number: (this.last?.head.number ?? -1) + 1,
      tree_size: treeSize,
      root: root.toString('hex'),
      position: String(position),
      at: clock.now().toISOString(),
      key_id: signer.keyId,
      previous: this.last ? treeHeadHash(this.last.head) : null,
      ...(change && { key_change: change }),
    };
    const head: SignedTreeHead = { ...unsigned, signature: signer.sign(signedText(unsigned)) };
    failpoint('checkpoint-signed');
    const link = this.tombstoned ? null : await this.append(head);
    failpoint('after-commit');
    failpoint('checkpoint-appended');
    await this.session.keep(head);
    failpoint('checkpoint-kept');
    await outside.append([head]);
    this.last = { head, link };
  }

  /** @returns what the next event's link is made of */
  private async append(checkpoint: SignedTreeHead): Promise<string | null> {
    const { log, clock } = this.ports;
    const { number, at, key_change: change } = checkpoint;
    const type = change ? KEY_CHANGED : SIGNED;
    const expected = number === 0 ? 'none' : BigInt(number - 1);
    const metadata = { occurredAt: at, actor: { type: 'system', id: 'audit' } };
    const { dataHash, content, bytes } = measured(type, checkpoint, metadata);
    const id = eventId(TREE_HEAD_STREAM, String(number), 0, content);
    const made = { event: { id, type, data: checkpoint, metadata }, dataHash, bytes };
    const after = { revision: expected, link: this.last?.link ?? null } as const;
    return (await new StreamWriter(log, clock).appendBehind(TREE_HEAD_STREAM, [made], after)).link;
  }
}

/** Null where the stream can be read. */
const tombstoneOf = async (log: EventLog): Promise<StreamTombstoned | null> => {
  try {
    const [newest] = await log.readPage(TREE_HEAD_STREAM, { direction: 'backwards', from: 'end', limit: 1 });
    return newest && isTombstone(newest) ? new StreamTombstoned(TREE_HEAD_STREAM) : null;
  } catch (error) {
    if (error instanceof StreamTombstoned) return error;
    throw error;
  }
};

/** The number of a tree head is its revision. */
const inLog = async (log: EventLog, number: number, limit: number): Promise<readonly Stored[]> => {
  const events = await log.readPage(TREE_HEAD_STREAM, { direction: 'forwards', from: BigInt(number), limit });
  return events.map((event) => ({ event, head: readTreeHead(event.data) }));
};

const inTable = async ({ tree }: TreeHeadDependencies, number: number, limit: number): Promise<readonly Stored[]> =>
  (await tree.treeHeadsFrom(number, limit)).map((head) => ({ head, event: null }));

const mustHold = (found: Stored | undefined, outside: SignedTreeHead): void => {
  const same = found?.head.number === outside.number ? found.head : undefined;
  if (same && treeHeadHash(same) === treeHeadHash(outside)) return;
  throw new Error(
    `The file of checkpoints ends with number ${outside.number}, which the log ${same ? 'has differently' : 'lacks'}: ` +
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
