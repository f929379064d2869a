import { hash } from 'node:crypto';
import { Query, QueryHandler, type IQueryHandler } from '@nestjs/cqrs';
import { type Json, type JsonObject, canonicalJson } from '../../../domain/json.js';
import { signatureStream } from '../../../domain/audit/signature.js';
import { HistoryUnreadable, type EventLog, type RecordedEvent } from '../../log/event-log.js';
import { readEvent } from '../../projections/projection.js';
import type { Histories } from '../../workflow/histories.js';
import type { ArtifactStore } from '../../workflow/artifacts.js';
import { sleep, type Clock } from '../../runtime/clock.js';
import { mustListen, InvalidRequest, NotFound, NotReady, PackRefused, reasonOf } from '../../runtime/errors.js';
import { eventHash, type ChainLink } from '../../log/event-hash.js';
import type { SignedTreeHead, TreeHeadSigner } from '../signed-tree-head.js';
import type { AuditTree } from '../audit-tree.js';
import type { Leaf } from '../audited-log.js';
import type { AuditTreeWriter } from '../audit-tree-writer.js';
import { signaturesIn, type SignatureView } from '../signatures.js';
import { type Lineage, lineageOf } from './lineage.js';

export type AuditPack = Readonly<{ name: string; content: Uint8Array }>;

export abstract class AuditPacks {
  /**
   * @throws NotFound, HistoryDamaged: such a history proves nothing; NotReady where no signed checkpoint covers the latest event in time
   * @throws PackRefused where its own verifier refuses it: the history is not what was recorded and signed
   * @throws InvalidRequest where the artifacts are more bytes than a pack may have
   * @throws CallerLeft where `signal` is aborted before it is made
   */
  abstract of(executionId: string, signal?: AbortSignal): Promise<AuditPack>;
}

/** Everything that proves one execution's history to a reader who has nothing else, as one ZIP. */
export class GetAuditPack extends Query<AuditPack> {
  constructor(
    readonly executionId: string,
    readonly signal?: AbortSignal,
  ) {
    super();
  }
}

@QueryHandler(GetAuditPack)
export class GetAuditPackHandler implements IQueryHandler<GetAuditPack> {
  constructor(private readonly packs: AuditPacks) {}

  execute({ executionId, signal }: GetAuditPack): Promise<AuditPack> {
    return this.packs.of(executionId, signal);
  }
}

/** Content by path inside the pack. */
export type PackFiles = Readonly<Record<string, Uint8Array>>;

/** What the report for people shows. */
export type PackReport = Readonly<{
  executionId: string;
  madeAt: Date;
  events: readonly RecordedEvent[];
  lineage: readonly Lineage[];
  signatures: readonly SignatureView[];
  checkpoint: SignedTreeHead;
}>;

/** `wrong`: what the verifier finds wrong; null where everything holds. */
export type CheckedPack = Readonly<{ content: Uint8Array; wrong: string | null }>;

/** How a pack looks from outside. */
export interface PackFormat {
  /** The program that checks a pack: one file without dependencies. */
  verifier(): Promise<Uint8Array>;
  /** PDF. */
  report(report: PackReport): Promise<Uint8Array>;
  /** One ZIP. Its comment is `sign` of a text with the SHA-256 of all bytes before it: no byte of it is free. */
  zip(files: PackFiles, madeAt: Date, sign: (text: string) => string): Promise<Uint8Array>;
  /** By the verifier that lies in it. The bytes are its own from here on: they come back. @param keyId of the key that signed it */
  check(content: Uint8Array, keyId: string): Promise<CheckedPack>;
}

/** Every file of the pack but itself and its signature. Its canonical JSON is what is stored, and signed. */
const manifestOf = (executionId: string, madeAt: Date, files: PackFiles): JsonObject => ({
  format: 'workflow-executor/audit-pack/1',
  execution_id: executionId,
  made_at: madeAt.toISOString(),
  files: Object.fromEntries(
    Object.entries(files).map(([path, content]) => [
      path,
      { sha256: hash('sha256', content, 'hex'), bytes: content.byteLength },
    ]),
  ),
});

type PackLimits = Readonly<{
  /** Of all files together. */
  bytes: number;
  /** How long a pack waits for a checkpoint that covers the last event, and between two looks. */
  coverMs: number;
  lookMs: number;
}>;

const DEFAULT_PACK_LIMITS: PackLimits = { bytes: 256 * 1024 * 1024, coverMs: 15_000, lookMs: 50 };

/** `leaves`: of each stream, in the order of the streams. */
type Covered = Readonly<{ checkpoint: SignedTreeHead; leaves: readonly (readonly Leaf[])[] }>;

type PackPorts = Readonly<{
  log: Pick<EventLog, 'read'>;
  histories: Histories;
  tree: AuditTree;
  keeper: AuditTreeWriter;
  signer: TreeHeadSigner;
  artifacts: ArtifactStore;
  format: PackFormat;
  clock: Clock;
}>;

/** Makes a pack of what the log, the tree and the artifact store hold at that moment. */
export class AuditPackMaker extends AuditPacks {
  constructor(
    private readonly ports: PackPorts,
    private readonly limits: PackLimits = DEFAULT_PACK_LIMITS,
  ) {
    super();
  }

  async of(executionId: string, signal?: AbortSignal): Promise<AuditPack> {
    const { log, histories, tree, signer, format, clock } = this.ports;
    const { events } = await histories.read(executionId);
    if (events.length === 0) throw new NotFound(`There is no execution ${executionId}`);
    mustBeReadable(events);
    // After the history: what was signed is in it.
    const { events: signed } = await log.read(signatureStream(executionId));
    const { checkpoint, leaves } = await this.covered([events, signed], signal);
    const lineage = lineageOf(events);
    const madeAt = clock.now();
    const texts: Readonly<Record<string, string>> = {
      'events.ndjson': events.map(line).join(''),
      'chain.json': pretty(events.map(chainOf)),
      'proofs.json': pretty(await this.proofs(leaves[0]!, checkpoint)),
      'checkpoint.json': pretty(checkpoint),
      'public-key.pem': signer.publicKey,
      'key-changes.json': pretty(await tree.keyChanges()),
      'moves.json': pretty(await tree.moves()),
      'definition.json': pretty((events[0]!.data as JsonObject)['definition'] ?? null),
      'lineage.json': pretty(lineage),
      'signatures.json': pretty({
        events: signed.map((event) => JSON.parse(line(event)) as Json),
        chain: signed.map(chainOf),
        proofs: await this.proofs(leaves[1]!, checkpoint),
      }),
    };
    const files: Record<string, Uint8Array> = {
      ...Object.fromEntries(Object.entries(texts).map(([path, text]) => [path, Buffer.from(text)])),
      ...(await this.files(lineage, signal)),
      'report.pdf': await format.report({
        ...{ executionId, madeAt, events, lineage, checkpoint },
        signatures: signaturesIn(signed, events),
      }),
      'verify.mjs': await format.verifier(),
    };
    mustListen(signal);
    const manifest = canonicalJson(manifestOf(executionId, madeAt, files));
    files['manifest.json'] = Buffer.from(manifest);
    files['manifest.sig'] = Buffer.from(signer.sign(manifest));
    const zip = await format.zip(files, madeAt, (text) => signer.sign(text));
    const { content, wrong } = await format.check(zip, signer.keyId);
    if (wrong !== null) throw new PackRefused(executionId, wrong);
    return { name: `audit-pack-${executionId}.zip`, content };
  }

  /**
   * By the key of this instance: the pack has that one, and no other. @param histories of one stream each, whole; any may be empty
   * @throws NotReady where no such checkpoint covers the last event of each in time
   */
  private async covered(histories: readonly (readonly RecordedEvent[])[], signal?: AbortSignal): Promise<Covered> {
    const { tree, keeper, signer, clock } = this.ports;
    const giveUpAt = clock.now().getTime() + this.limits.coverMs;
    for (;;) {
      mustListen(signal);
      const leaves = await Promise.all(
        histories.map(async (events) => (events[0] ? tree.leavesOf(events[0].stream, events.length) : [])),
      );
      const checkpoint = await tree.latestTreeHead();
      const isOwn = checkpoint?.key_id === signer.keyId;
      const isCovered = (size: number) =>
        histories.every((events, place) => {
          const last = events.at(-1);
          const leaf = last && leaves[place]!.find(({ revision }) => revision === last.revision);
          return !last || (leaf?.index ?? Infinity) < size;
        });
      if (checkpoint && isOwn && isCovered(checkpoint.tree_size)) return { checkpoint, leaves };
      if (clock.now().getTime() > giveUpAt)
        throw new NotReady(
          'No checkpoint that is signed with the key of this instance covers the latest event yet; ask again',
        );
      keeper.signNow();
      await sleep(clock, this.limits.lookMs);
    }
  }

  private async proofs(leaves: readonly Leaf[], { tree_size: size }: SignedTreeHead): Promise<Json> {
    const proofs = await this.ports.tree.inclusionProofs(
      leaves.map(({ index }) => index),
      size,
    );
    return leaves.map(({ revision, index }, place) => ({
      revision: String(revision),
      index,
      proof: proofs[place]!.map((hash) => hash.toString('hex')),
    }));
  }

  /** @throws InvalidRequest where they are too many bytes for one pack */
  private async files(lineage: readonly Lineage[], signal?: AbortSignal): Promise<PackFiles> {
    const once = new Map(lineage.map((one) => [one.file, one]));
    const bytes = [...once.values()].reduce((sum, one) => sum + one.bytes, 0);
    if (bytes > this.limits.bytes) {
      const message = `The artifacts are ${bytes} bytes: expected at most ${this.limits.bytes} in one audit pack`;
      throw new InvalidRequest('AUDIT_PACK_TOO_LARGE', message);
    }
    const files: Record<string, Uint8Array> = {};
    for (const { file, sha256 } of once.values()) {
      mustListen(signal);
      files[file] = (await this.ports.artifacts.mustGet(sha256, file)).content;
    }
    return files;
  }
}

/** @throws HistoryUnreadable where an event is not what this application writes: nobody could say what the execution did */
const mustBeReadable = (events: readonly RecordedEvent[]): void => {
  for (const event of events) {
    try {
      readEvent(event);
    } catch (error) {
      throw new HistoryUnreadable(event, reasonOf(error));
    }
  }
};

/** What is in the log, and where it was recorded; of an event that was moved, where it stands since as well. */
const line = ({
  position,
  movedFrom,
  recordedAt,
  stream,
  revision,
  id,
  type,
  data,
  metadata,
}: RecordedEvent): string => {
  const place = { position: String(movedFrom ?? position), recorded_at: recordedAt.toISOString() };
  const moved = movedFrom === undefined ? {} : { moved_to: String(position) };
  const event = { stream, revision: String(revision), id, type, data, metadata };
  return `${JSON.stringify({ ...place, ...moved, ...event })}\n`;
};

const chainOf = (event: RecordedEvent): Json => {
  const { previousHash = null } = (event.metadata ?? {}) as Partial<ChainLink>;
  return { revision: String(event.revision), hash: eventHash(event), previous_hash: previousHash };
};

const pretty = (value: Json): string => `${JSON.stringify(value, null, 1)}\n`;
