import { contentOf, linkOf, hashOf } from '../log/event-hash.js';
import { isTombstone, StreamTombstoned, type EventLog, type RecordedEvent } from '../log/event-log.js';
import { failpoint } from '../runtime/failpoint.js';
import { eventId } from '../log/ids.js';
import { StreamWriter } from '../log/stream-writer.js';
import type { AuditSession } from './audit-tree.js';
import { CHECKPOINT_STREAM } from './audited-log.js';
import {
  checkpointHash,
  readCheckpoint,
  signedText,
  type CheckpointSigner,
  type KeyChange,
  type SignedCheckpoint,
} from './checkpoint.js';
import type { KeeperPorts } from './writer-ports.js';
import { spkiOf } from './keys.js';
import { keyAfter, mustBeAllowed } from './may-sign.js';

/** Checkpoints in memory at a time. */
const PAGE = 500;

const [SIGNED, KEY_CHANGED] = ['AuditCheckpointSigned', 'AuditKeyChanged'] as const;

export type CheckpointsPorts = Omit<KeeperPorts, 'ids'>;

type Last = Readonly<{ checkpoint: SignedCheckpoint; link: string | null }>;
/** `event`: null where the log has it no more. */
type Stored = Readonly<{ checkpoint: SignedCheckpoint; event: RecordedEvent | null }>;

/**
 * The checkpoints signed so far. First in the log, at an expected revision: there is one line of them; then in the file. Where
 * somebody has tombstoned their stream, the table is in the log's place: only the leader's session writes to it.
 */
export class Checkpoints {
  private constructor(
    private readonly ports: CheckpointsPorts,
    private readonly session: AuditSession,
    private last: Last | null,
    /** Null where the log takes checkpoints. */
    readonly tombstoned: StreamTombstoned | null,
  ) {}

  /**
   * Brings the table and the file up to the log, after a crash between the three.
   * @throws where the file holds what the log does not, or this key may not go on: then nothing more is signed
   */
  static async read(ports: CheckpointsPorts, session: AuditSession): Promise<Checkpoints> {
    const outside = await ports.outside.last();
    const kept = await ports.tree.latestCheckpoint();
    const [keptTo, outsideTo] = [kept?.number ?? -1, outside?.number ?? -1];
    const tombstoned = await tombstoneOf(ports.log);
    const pageFrom = (number: number, limit: number) =>
      tombstoned ? inTable(ports, number, limit) : inLog(ports.log, number, limit);
    if (outside) mustHold((await pageFrom(outside.number, 1))[0], outside);
    let last: Stored | undefined;
    // Page by page: where the table or the file was taken away, all that was ever signed is brought back.
    for (let from = Math.max(0, tombstoned ? outsideTo : Math.min(keptTo, outsideTo)); ;) {
      const page = await pageFrom(from, PAGE);
      for (const { checkpoint } of page) if (checkpoint.number > keptTo) await session.keep(checkpoint);
      const missing = page.flatMap(({ checkpoint }) => (checkpoint.number > outsideTo ? [checkpoint] : []));
      if (missing.length > 0) await ports.outside.append(missing);
      last = page.at(-1) ?? last;
      if (!last || page.length < PAGE) break;
      from = last.checkpoint.number + 1;
    }
    const changes = await ports.tree.keyChanges();
    mustBeAllowed(ports.signer, ports.pins, { last: last?.checkpoint ?? null, changes });
    const link = last?.event ? linkOf(last.event) : null;
    return new Checkpoints(ports, session, last ? { ...last, link } : null, tombstoned);
  }

  /** Events that are covered. */
  get size(): number {
    return this.last?.checkpoint.tree_size ?? 0;
  }

  /** The id of the key that has to sign what comes next; null before the first. */
  get nextKey(): string | null {
    return this.last && keyAfter(this.last.checkpoint);
  }

  /** Whether another key has signed the last one, though this one is to go on. */
  get isOfAnotherKey(): boolean {
    return this.last !== null && this.last.checkpoint.key_id !== this.ports.signer.keyId;
  }

  /** The key names the next one, which signs at once: no other process that still has the old one can come between. */
  async changeKey(next: CheckpointSigner): Promise<void> {
    const { tree_size: size, root, position } = this.last!.checkpoint;
    const covered = [size, Buffer.from(root, 'hex'), BigInt(position)] as const;
    await this.sign(...covered, { from: spkiOf(this.ports.signer.publicKey), to: spkiOf(next.publicKey) });
    await new Checkpoints({ ...this.ports, signer: next }, this.session, this.last, this.tombstoned).sign(...covered);
  }

  async sign(treeSize: number, root: Buffer, position: bigint, change?: KeyChange): Promise<void> {
    const { signer, clock, outside } = this.ports;
    const unsigned = {
      format: 'workflow-executor/checkpoint/1' as const,
      number: (this.last?.checkpoint.number ?? -1) + 1,
      tree_size: treeSize,
      root: root.toString('hex'),
      position: String(position),
      at: clock.now().toISOString(),
      key_id: signer.keyId,
      previous: this.last ? checkpointHash(this.last.checkpoint) : null,
      ...(change && { key_change: change }),
    };
    const checkpoint: SignedCheckpoint = { ...unsigned, signature: signer.sign(signedText(unsigned)) };
    failpoint('checkpoint-signed');
    const link = this.tombstoned ? null : await this.append(checkpoint);
    failpoint('after-commit');
    failpoint('checkpoint-appended');
    await this.session.keep(checkpoint);
    failpoint('checkpoint-kept');
    await outside.append([checkpoint]);
    this.last = { checkpoint, link };
  }

  /** @returns what the next event's link is made of */
  private async append(checkpoint: SignedCheckpoint): Promise<string | null> {
    const { log, clock } = this.ports;
    const { number, at, key_change: change } = checkpoint;
    const type = change ? KEY_CHANGED : SIGNED;
    const revision = number === 0 ? 'none' : BigInt(number - 1);
    const dataHash = hashOf(checkpoint);
    const metadata = { occurredAt: at, actor: { type: 'system', id: 'audit' } };
    const id = eventId(CHECKPOINT_STREAM, String(number), 0, contentOf(type, dataHash, metadata));
    const made = { event: { id, type, data: checkpoint, metadata }, dataHash };
    const after = { revision, link: this.last?.link ?? null } as const;
    return (await new StreamWriter(log, clock).appendBehind(CHECKPOINT_STREAM, [made], after)).link;
  }
}

/** Null where the stream can be read. */
const tombstoneOf = async (log: EventLog): Promise<StreamTombstoned | null> => {
  try {
    const [newest] = await log.readPage(CHECKPOINT_STREAM, { direction: 'backwards', from: 'end', limit: 1 });
    return newest && isTombstone(newest) ? new StreamTombstoned(CHECKPOINT_STREAM) : null;
  } catch (error) {
    if (error instanceof StreamTombstoned) return error;
    throw error;
  }
};

/** The number of a checkpoint is its revision. */
const inLog = async (log: EventLog, number: number, limit: number): Promise<readonly Stored[]> => {
  const events = await log.readPage(CHECKPOINT_STREAM, { direction: 'forwards', from: BigInt(number), limit });
  return events.map((event) => ({ event, checkpoint: readCheckpoint(event.data) }));
};

const inTable = async ({ tree }: CheckpointsPorts, number: number, limit: number): Promise<readonly Stored[]> =>
  (await tree.checkpointsFrom(number, limit)).map((checkpoint) => ({ checkpoint, event: null }));

const mustHold = (found: Stored | undefined, outside: SignedCheckpoint): void => {
  const same = found?.checkpoint.number === outside.number ? found.checkpoint : undefined;
  if (same && checkpointHash(same) === checkpointHash(outside)) return;
  throw new Error(
    `The file of checkpoints ends with number ${outside.number}, which the log ${same ? 'has differently' : 'lacks'}: ` +
      'expected the file of this log. Run `npm run audit -- verify --all`; if the log was restored from an older copy, ' +
      'move the file away. Nothing is signed until then',
  );
};
