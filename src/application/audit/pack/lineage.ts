/** Where each file comes from, according to the events. `verify.mjs` makes the same of the events, and compares. */
import type { Json, JsonObject } from '../../../domain/json.js';
import type { ArtifactRef } from '../../../domain/workflow/events.js';
import type { RecordedEvent } from '../../log/event-log.js';
import { hashOf } from '../../log/event-hash.js';
import { isRef } from '../../workflow/artifacts.js';

export type Lineage = Readonly<{
  /** Path inside the pack. */
  file: string;
  name: string;
  sha256: string;
  bytes: number;
  content_type: string;
  /** Of the event that recorded it. */
  revision: string;
  step: string;
  agent: string | null;
  /** `version` of what the agent said of itself, as text; null where it said none. */
  agent_version: string | null;
  attempt: number;
  generation: number;
  /** What the agent said of itself: model, tokens and the like. */
  agent_metadata: JsonObject;
  /**
   * SHA-256 (hex) of the canonical JSON of what the agent was sent, as recorded when the attempt started. Where an older
   * event does not tell it: of the start's metadata and `inputs`.
   */
  input_hash: string;
  /** The outputs there were when the attempt started: step, and SHA-256 (hex) of its output's canonical JSON. */
  inputs: Readonly<Record<string, string>>;
  /** SHA-256 (hex) of the output's canonical JSON. */
  output_hash: string;
}>;

type Started = Readonly<{ agent: string; inputs: Readonly<Record<string, string>>; inputHash: string | null }>;

/** One entry for each file of each completed attempt, in the order of the events. */
export const lineageOf = (events: readonly RecordedEvent[]): readonly Lineage[] => {
  const outputs: Record<string, string> = {};
  const started = new Map<string, Started>();
  const metadata = objectOf(objectOf(events[0]?.data)['metadata']);
  return events.flatMap(({ type, data, revision }) => {
    const event = objectOf(data);
    const step = textOf(event['step']);
    if (type === 'StepStarted') {
      const inputHash = textOf(event['inputHash']) || null;
      started.set(step, { agent: textOf(event['agent']), inputs: { ...outputs }, inputHash });
    }
    if (type !== 'StepCompleted') return [];
    const outputHash = hashOf(event['output'] as Json);
    outputs[step] = outputHash;
    const { agent = null, inputs = {}, inputHash = null } = started.get(step) ?? {};
    return filesOf(event).map((ref): Lineage => ({
      file: pathOf(ref),
      name: ref.name,
      sha256: ref.sha256,
      bytes: ref.bytes,
      content_type: ref.contentType,
      revision: String(revision),
      step,
      agent,
      agent_version: versionOf(event['agentMetadata']),
      attempt: Number(event['attempt']),
      generation: Number(event['generation']),
      agent_metadata: objectOf(event['agentMetadata']),
      input_hash: inputHash ?? hashOf({ metadata, inputs }),
      inputs,
      output_hash: outputHash,
    }));
  });
};

/** What a StepCompleted names: the agent's files, and those values of its output that were too large for an event. */
export const filesOf = (event: JsonObject): readonly ArtifactRef[] => {
  const large = Object.values(objectOf(event['output']))
    .filter(isRef)
    .map(({ artifact: name, ...rest }) => ({ name, ...rest }));
  const given: unknown = event['artifacts'];
  return [...(Array.isArray(given) ? (given as readonly ArtifactRef[]) : []), ...large];
};

/** The hash makes it unique, and what agents call their files cannot lead out of the folder. */
const pathOf = ({ name, sha256 }: ArtifactRef): string =>
  `artifacts/${sha256.slice(0, 16)}-${name.replace(/[^\w.-]/g, '_').slice(-80)}`;

const versionOf = (metadata: unknown): string | null => {
  const { version } = objectOf(metadata);
  return typeof version === 'string' || typeof version === 'number' ? String(version) : null;
};

const textOf = (value: unknown): string => (typeof value === 'string' ? value : '');

const objectOf = (value: unknown): JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as JsonObject) : {};
