/** Whether what the events name is there, byte for byte. */
import type { JsonObject } from '../../domain/json.js';
import type { ArtifactRef } from '../../domain/workflow/events.js';
import { STREAM_PREFIX } from '../../domain/workflow/index.js';
import type { EventLog, RecordedEvent } from '../log/event-log.js';
import type { Finding } from './finding.js';
import { filesOf } from './pack/lineage.js';
import { presentLog } from './audited-log.js';

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

/** All artifacts that the executions of the log name, in the order of the log. */
export const verifyArtifacts = (log: EventLog, artifacts: ArtifactDigests): Promise<ArtifactsVerified> =>
  verifyArtifactsOf(presentLog(log, STREAM_PREFIX), artifacts);

export const verifyArtifactsOf = async (
  events: AsyncIterable<RecordedEvent> | Iterable<RecordedEvent>,
  artifacts: ArtifactDigests,
  limits = LIMITS,
): Promise<ArtifactsVerified> => {
  const digests = new Map<string, string | null>();
  const digestOf = async (sha256: string): Promise<string | null> => {
    const known = digests.get(sha256);
    if (known !== undefined) return known;
    const digest = await artifacts.digestOf(sha256);
    if (digests.size >= limits.remembered) digests.clear();
    digests.set(sha256, digest);
    return digest;
  };
  let [named, damaged] = [0, 0];
  const findings: Finding[] = [];
  for await (const event of events) {
    if (event.type !== 'StepCompleted' || !isObject(event.data)) continue;
    for (const ref of filesOf(event.data)) {
      named += 1;
      const digest = await digestOf(ref.sha256);
      if (digest === ref.sha256) continue;
      damaged += 1;
      if (findings.length < limits.findings) findings.push(finding(event, ref, digest));
    }
  }
  return { named, damaged, findings };
};

const finding = (event: RecordedEvent, { name, sha256 }: ArtifactRef, digest: string | null): Finding => {
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
