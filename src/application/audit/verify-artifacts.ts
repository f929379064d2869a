/** Whether what the events name is there, byte for byte. */
import type { JsonObject } from '../../domain/json.js';
import type { ArtifactRef } from '../../domain/workflow/events.js';
import { STREAM_PREFIX } from '../../domain/workflow/index.js';
import type { RecordedEvent } from '../log/event-log.js';
import type { Finding } from './finding.js';
import { filesOf } from './pack/lineage.js';

/** The SHA-256 (hex) of what is stored under a hash; null where nothing is. Takes the same memory whatever its size. */
type ArtifactDigests = Readonly<{ digestOf: (sha256: string) => Promise<string | null> }>;

export type ArtifactsVerified = Readonly<{
  /** Named by events; each time counts. */
  named: number;
  damaged: number;
  /** The first of those that are damaged. */
  findings: readonly Finding[];
}>;

/** Findings that are listed one by one, and digests that are remembered. */
const LIMITS = { findings: 1_000, remembered: 100_000 };

export const verifyArtifactsOf = async (
  events: Iterable<RecordedEvent>,
  artifacts: ArtifactDigests,
  limits = LIMITS,
): Promise<ArtifactsVerified> => {
  const walk = new ArtifactWalk(artifacts, limits);
  for (const event of events) {
    if (event.type !== 'StepCompleted' || !isObject(event.data)) continue;
    await walk.step(event, filesOf(event.data));
  }
  return walk;
};

/** Compares what the events name, in the order of the log. */
export class ArtifactWalk implements ArtifactsVerified {
  named = 0;
  damaged = 0;
  readonly findings: Finding[] = [];
  private readonly digests = new Map<string, string | null>();

  constructor(
    private readonly artifacts: ArtifactDigests,
    private readonly limits = LIMITS,
  ) {}

  async step(event: Place, files: readonly ArtifactRef[]): Promise<void> {
    for (const ref of files) {
      this.named += 1;
      const digest = await this.digestOf(ref.sha256);
      if (digest === ref.sha256) continue;
      this.damaged += 1;
      if (this.findings.length < this.limits.findings) this.findings.push(finding(event, ref, digest));
    }
  }

  private async digestOf(sha256: string): Promise<string | null> {
    const known = this.digests.get(sha256);
    if (known !== undefined) return known;
    const digest = await this.artifacts.digestOf(sha256);
    if (this.digests.size >= this.limits.remembered) this.digests.clear();
    this.digests.set(sha256, digest);
    return digest;
  }
}

type Place = Pick<RecordedEvent, 'position' | 'stream' | 'revision'>;

const finding = (event: Place, { name, sha256 }: ArtifactRef, digest: string | null): Finding => {
  const { position, stream, revision } = event;
  const which = `Artifact ${name} of execution ${stream.slice(STREAM_PREFIX.length)}`;
  return digest === null
    ? {
        ...{ kind: 'artifact-missing', position, stream, revision, checkpoint: null },
        what: `${which} (SHA-256 ${sha256}) is not in the artifact store`,
      }
    : {
        ...{ kind: 'artifact-altered', position, stream, revision, checkpoint: null },
        what: `${which} was altered: expected SHA-256 ${sha256}, got ${digest}`,
      };
};

const isObject = (data: unknown): data is JsonObject =>
  typeof data === 'object' && data !== null && !Array.isArray(data);
