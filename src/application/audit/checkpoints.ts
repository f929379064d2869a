import { appendSurely, DEFAULT_APPEND_LIMITS } from '../append.js';
import { chained, contentOf, linkOf } from '../event-hash.js';
import type { EventLog, RecordedEvent } from '../event-log.js';
import { failpoint } from '../failpoint.js';
import { hashOf } from '../hash.js';
import { eventId } from '../ids.js';
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
import type { KeeperPorts } from './keeper-ports.js';
import { spkiOf } from './keys.js';
import { keyAfter, mustBeAllowed } from './may-sign.js';

/** Checkpoints in memory at a time. */
const PAGE = 500;

const [SIGNED, KEY_CHANGED] = ['AuditCheckpointSigned', 'AuditKeyChanged'] as const;

export type CheckpointsPorts = Omit<KeeperPorts, 'ids'>;

type Last = Readonly<{ checkpoint: SignedCheckpoint; link: string }>;

/** The checkpoints signed so far. First in the log, at an expected revision: there is one line of them; then in the file. */
export class Checkpoints {
  private constructor(
    private readonly ports: CheckpointsPorts,
    private readonly session: AuditSession,
    private last: Last | null,
  ) {}

  /**
   * Brings the table and the file up to the log, after a crash between the three.
   * @throws where the file holds what the log does not, or this key may not go on: then nothing more is signed
   */
  static async read(ports: CheckpointsPorts, session: AuditSession): Promise<Checkpoints> {
    const outside = await ports.outside.last();
    const kept = await ports.tree.latestCheckpoint();
    if (outside) mustHold((await pageFrom(ports.log, outside.number, 1))[0], outside);
    const [keptTo, outsideTo] = [kept?.number ?? -1, outside?.number ?? -1];
    let last: Stored | undefined;
    // Page by page: where the table or the file was taken away, all that was ever signed is brought back.
    for (let from = Math.max(0, Math.min(keptTo, outsideTo)); ;) {
      const page = await pageFrom(ports.log, from, PAGE);
      for (const { checkpoint } of page) if (checkpoint.number > keptTo) await session.keep(checkpoint);
      const missing = page.flatMap(({ checkpoint }) => (checkpoint.number > outsideTo ? [checkpoint] : []));
      if (missing.length > 0) await ports.outside.append(missing);
      last = page.at(-1) ?? last;
      if (!last || page.length < PAGE) break;
      from = last.checkpoint.number + 1;
    }
    const changes = await ports.tree.keyChanges();
    mustBeAllowed(ports.signer, ports.pins, { last: last?.checkpoint ?? null, changes });
    return new Checkpoints(ports, session, last ? { ...last, link: linkOf(last.event) } : null);
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
    await new Checkpoints({ ...this.ports, signer: next }, this.session, this.last).sign(...covered);
  }

  async sign(treeSize: number, root: Buffer, position: bigint, change?: KeyChange): Promise<void> {
    const { signer, clock, log, outside } = this.ports;
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
    const type = change ? KEY_CHANGED : SIGNED;
    const checkpoint: SignedCheckpoint = { ...unsigned, signature: signer.sign(signedText(unsigned)) };
    const expected = unsigned.number === 0 ? 'none' : BigInt(unsigned.number - 1);
    const dataHash = hashOf(checkpoint);
    const metadata = { occurredAt: unsigned.at, actor: { type: 'system', id: 'audit' } };
    const id = eventId(CHECKPOINT_STREAM, String(unsigned.number), 0, contentOf(type, dataHash, metadata));
    const made = { event: { id, type, data: checkpoint, metadata }, dataHash };
    const { events, link } = chained(CHECKPOINT_STREAM, [made], expected, this.last?.link ?? null);
    failpoint('checkpoint-signed');
    await appendSurely(log, clock, CHECKPOINT_STREAM, events, expected, DEFAULT_APPEND_LIMITS);
    failpoint('after-commit');
    failpoint('checkpoint-appended');
    await this.session.keep(checkpoint);
    failpoint('checkpoint-kept');
    await outside.append([checkpoint]);
    this.last = { checkpoint, link: link! };
  }
}

type Stored = Readonly<{ event: RecordedEvent; checkpoint: SignedCheckpoint }>;

/** The number of a checkpoint is its revision. */
const pageFrom = async (log: EventLog, number: number, limit: number): Promise<readonly Stored[]> => {
  const page = { direction: 'forwards', from: BigInt(number), limit } as const;
  const events = await log.readPage(CHECKPOINT_STREAM, page);
  return events.map((event) => ({ event, checkpoint: readCheckpoint(event.data) }));
};

const mustHold = (found: Stored | undefined, outside: SignedCheckpoint): void => {
  const same = found?.checkpoint.number === outside.number ? found.checkpoint : undefined;
  if (same && checkpointHash(same) === checkpointHash(outside)) return;
  throw new Error(
    `The file of checkpoints ends with number ${outside.number}, which the log ${same ? 'has differently' : 'lacks'}: ` +
      'expected the file of this log. Run `npm run audit -- verify --all`; if the log was restored from an older copy, ' +
      'move the file away. Nothing is signed until then',
  );
};
