import { Query, QueryHandler, type IQueryHandler } from '@nestjs/cqrs';
import type { Json, JsonObject } from '../../../domain/json.js';
import { canonicalJson } from '../../../domain/json.js';
import { workflowStream } from '../../../domain/workflow/index.js';
import { ArtifactStore } from '../../artifacts.js';
import { Clock, sleep } from '../../clock.js';
import { InvalidRequest, NotFound, NotReady } from '../../errors.js';
import { eventHash, type ChainLink } from '../../event-hash.js';
import { EventLog, type RecordedEvent } from '../../event-log.js';
import { AuditTree } from '../audit-tree.js';
import type { Leaf } from '../audited-log.js';
import { CheckpointSigner, type SignedCheckpoint } from '../checkpoint.js';
import { AuditKeeper } from '../keeper.js';
import { lineageOf, type Lineage } from './lineage.js';
import { manifestOf } from './manifest.js';
import { PackFormat, type PackFiles } from './pack-format.js';

export type PackLimits = Readonly<{
  /** Of all files together. */
  bytes: number;
  /** How long a pack waits for a checkpoint that covers the last event, and between two looks. */
  coverMs: number;
  lookMs: number;
}>;

export const DEFAULT_PACK_LIMITS: PackLimits = { bytes: 256 * 1024 * 1024, coverMs: 15_000, lookMs: 50 };

export type AuditPack = Readonly<{ name: string; content: Uint8Array }>;
type Covered = Readonly<{ checkpoint: SignedCheckpoint; leaves: readonly Leaf[] }>;

/** Everything that proves one execution's history to somebody who has nothing else, as one ZIP. */
export class GetAuditPack extends Query<AuditPack> {
  constructor(readonly executionId: string) {
    super();
  }
}

@QueryHandler(GetAuditPack)
export class GetAuditPackHandler implements IQueryHandler<GetAuditPack> {
  private readonly limits = DEFAULT_PACK_LIMITS;

  constructor(
    private readonly log: EventLog,
    private readonly tree: AuditTree,
    private readonly keeper: AuditKeeper,
    private readonly signer: CheckpointSigner,
    private readonly artifacts: ArtifactStore,
    private readonly format: PackFormat,
    private readonly clock: Clock,
  ) {}

  async execute({ executionId }: GetAuditPack): Promise<AuditPack> {
    const stream = workflowStream(executionId);
    const { events } = await this.log.read(stream);
    const last = events.at(-1);
    if (!last) throw new NotFound(`There is no execution ${executionId}`);
    const { checkpoint, leaves } = await this.covered(stream, last);
    const lineage = lineageOf(events);
    const madeAt = this.clock.now();
    const texts: Readonly<Record<string, string>> = {
      'events.ndjson': events.map(line).join(''),
      'chain.json': pretty(events.map(chainOf)),
      'proofs.json': pretty(await this.proofs(leaves, checkpoint)),
      'checkpoint.json': pretty(checkpoint),
      'public-key.pem': this.signer.publicKey,
      'definition.json': pretty((events[0]!.data as JsonObject)['definition'] ?? null),
      'lineage.json': pretty(lineage),
    };
    const files: Record<string, Uint8Array> = {
      ...Object.fromEntries(Object.entries(texts).map(([path, text]) => [path, Buffer.from(text)])),
      ...(await this.files(lineage)),
      'report.pdf': await this.format.report({ executionId, madeAt, events, lineage, checkpoint }),
      'verify.mjs': await this.format.verifier(),
    };
    const manifest = canonicalJson(manifestOf(executionId, madeAt, files));
    files['manifest.json'] = Buffer.from(manifest);
    files['manifest.sig'] = Buffer.from(this.signer.sign(manifest));
    return { name: `audit-pack-${executionId}.zip`, content: this.format.zip(files, madeAt) };
  }

  /** @throws NotReady where no checkpoint covers the last event in time */
  private async covered(stream: string, last: RecordedEvent): Promise<Covered> {
    const giveUpAt = this.clock.now().getTime() + this.limits.coverMs;
    for (;;) {
      const all = await this.tree.leavesOf(stream, Number(last.revision) + 1);
      const checkpoint = await this.tree.latestCheckpoint();
      const index = all.find(({ revision }) => revision === last.revision)?.index ?? Infinity;
      if (checkpoint && index < checkpoint.tree_size) return { checkpoint, leaves: all };
      if (this.clock.now().getTime() > giveUpAt)
        throw new NotReady('No signed checkpoint covers the latest event yet; ask again');
      this.keeper.hurry();
      await sleep(this.clock, this.limits.lookMs);
    }
  }

  private async proofs(leaves: readonly Leaf[], { tree_size: size }: SignedCheckpoint): Promise<Json> {
    const proofs = await this.tree.inclusionProofs(
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
  private async files(lineage: readonly Lineage[]): Promise<PackFiles> {
    const once = new Map(lineage.map((one) => [one.file, one]));
    const bytes = [...once.values()].reduce((sum, one) => sum + one.bytes, 0);
    if (bytes > this.limits.bytes) {
      const message = `The artifacts are ${bytes} bytes: expected at most ${this.limits.bytes} in one audit pack`;
      throw new InvalidRequest('AUDIT_PACK_TOO_LARGE', message);
    }
    const files: Record<string, Uint8Array> = {};
    for (const { file, sha256 } of once.values()) {
      const stored = await this.artifacts.get(sha256);
      if (!stored) throw new Error(`Artifact ${sha256} of ${file} is not in the artifact store`);
      files[file] = stored.content;
    }
    return files;
  }
}

/** What is in the log, and where. */
const line = ({ position, recordedAt, stream, revision, id, type, data, metadata }: RecordedEvent): string =>
  `${JSON.stringify({
    ...{ position: String(position), recorded_at: recordedAt.toISOString(), stream, revision: String(revision) },
    ...{ id, type, data, metadata },
  })}\n`;

const chainOf = (event: RecordedEvent): Json => {
  const { previousHash = null } = (event.metadata ?? {}) as Partial<ChainLink>;
  return { revision: String(event.revision), hash: eventHash(event), previous_hash: previousHash };
};

const pretty = (value: Json): string => `${JSON.stringify(value, null, 1)}\n`;
