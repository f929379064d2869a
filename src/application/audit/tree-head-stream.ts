/** The signed tree heads where they are kept: in their stream of the log or, where that was tombstoned, in the table. */
import { linkOf } from '../log/event-hash.js';
import { isTombstone, StreamTombstoned, type EventLog, type RecordedEvent } from '../log/event-log.js';
import { ForeignEvents } from '../log/foreign-events.js';
import type { StreamFold } from '../log/stream-writer.js';
import type { AuditTree } from './audit-tree.js';
import { TREE_HEAD_STREAM } from './audited-log.js';
import { keyAfter, keyIdOf, publicKeyOf } from './keys.js';
import {
  isSignedBy,
  readTreeHead,
  treeHeadHash,
  type SignedTreeHead,
  type TreeHeadSigner,
} from './signed-tree-head.js';

/** Tree heads in memory at a time. */
const PAGE = 500;

/** Whether a tree head is there; `other`: another one with its number is. */
export type Found = 'same' | 'other' | 'missing';

/** The last event of the stream, ours or not: the next one stands behind it and names it. */
export type StreamEnd = Pick<StreamFold, 'revision' | 'link'>;
const NOTHING: StreamEnd = { revision: 'none', link: null };

type Dependencies = Readonly<{
  log: EventLog;
  signer: TreeHeadSigner;
  pins: ReadonlySet<string>;
  foreign?: ForeignEvents;
}>;

/**
 * The one reader of the stream. A tree head is ours where it has the next number, names the one before it, and is signed with a
 * key that may sign then; all else is passed over. So a number may stand at a later revision than its own, never at an earlier one.
 */
export class HeadsInLog {
  end = NOTHING;

  constructor(private readonly ports: Dependencies) {}

  async find(wanted: SignedTreeHead): Promise<Found> {
    const hash = treeHeadHash(wanted);
    let found: Found = 'missing';
    for await (const event of this.events(wanted)) {
      const head = headIn(event);
      if (!(head instanceof Error) && treeHeadHash(head) === hash) return 'same';
      if (!(head instanceof Error) && head.number === wanted.number) found = 'other';
    }
    return found;
  }

  /**
   * From that tree head on, which is known to be ours; null: from the first.
   * @throws where the log lacks it
   */
  async *from(known: SignedTreeHead | null): AsyncGenerator<readonly SignedTreeHead[], void, undefined> {
    const hash = known && treeHeadHash(known);
    let last: SignedTreeHead | null = null;
    let page: SignedTreeHead[] = [];
    for await (const event of this.events(known)) {
      this.end = { revision: event.revision, link: linkOf(event) };
      const head = headIn(event);
      const isOurs: boolean =
        !(head instanceof Error) && (hash && !last ? treeHeadHash(head) === hash : this.follows(head, last));
      if (head instanceof Error || !isOurs) {
        this.ports.foreign?.found(event, head instanceof Error ? head : NOT_NEXT);
        continue;
      }
      page.push((last = head));
      if (page.length < PAGE) continue;
      yield page;
      page = [];
    }
    if (known && !last)
      throw new Error(
        `The table of checkpoints has number ${known.number}, which the log lacks: expected the table of this log. ` +
          'Run `npm run audit -- verify --all`. Nothing is signed until then',
      );
    if (page.length > 0) yield page;
  }

  private follows(head: SignedTreeHead, before: SignedTreeHead | null): boolean {
    const { signer, pins } = this.ports;
    const { number, previous, key_id: id } = head;
    if (number !== (before?.number ?? -1) + 1 || previous !== (before && treeHeadHash(before))) return false;
    const isAllowed = before === null || id === keyAfter(before) || id === signer.keyId || pins.has(id);
    const named = before?.key_change && publicKeyOf(before.key_change.to);
    const key = id === signer.keyId ? signer.publicKey : named && keyIdOf(named) === id ? named : null;
    // Another key than ours, which none has named here: a verifier has its public half.
    return isAllowed && (key === null || isSignedBy(head, key));
  }

  private async *events(first: SignedTreeHead | null): AsyncGenerator<RecordedEvent, void, undefined> {
    for (let from = BigInt(first?.number ?? 0); ;) {
      const page = await this.ports.log.readPage(TREE_HEAD_STREAM, { direction: 'forwards', from, limit: PAGE });
      yield* page;
      if (page.length < PAGE) return;
      from = page.at(-1)!.revision + 1n;
    }
  }
}

const NOT_NEXT = 'it is no checkpoint that follows the one before it under a key that may sign';

const headIn = ({ data }: RecordedEvent): SignedTreeHead | Error => {
  try {
    return readTreeHead(data);
  } catch {
    return new Error('it is no signed checkpoint');
  }
};

/** Only the leader writes to the table: all in it are ours. */
export class HeadsInTable {
  readonly end = NOTHING;

  constructor(private readonly tree: AuditTree) {}

  async find(wanted: SignedTreeHead): Promise<Found> {
    const [there] = await this.tree.treeHeadsFrom(wanted.number, 1);
    if (there?.number !== wanted.number) return 'missing';
    return treeHeadHash(there) === treeHeadHash(wanted) ? 'same' : 'other';
  }

  async *from(known: SignedTreeHead | null): AsyncGenerator<readonly SignedTreeHead[], void, undefined> {
    for (let from = known?.number ?? 0; ;) {
      const page = await this.tree.treeHeadsFrom(from, PAGE);
      if (page.length > 0) yield page;
      if (page.length < PAGE) return;
      from = page.at(-1)!.number + 1;
    }
  }
}

/** Null where the stream can be read. */
export const tombstoneOf = async (log: EventLog): Promise<StreamTombstoned | null> => {
  try {
    const [newest] = await log.readPage(TREE_HEAD_STREAM, { direction: 'backwards', from: 'end', limit: 1 });
    return newest && isTombstone(newest) ? new StreamTombstoned(TREE_HEAD_STREAM) : null;
  } catch (error) {
    if (error instanceof StreamTombstoned) return error;
    throw error;
  }
};
