import type { StepCommand } from '../../domain/workflow/commands.js';
import type { CallResult } from '../../domain/agent/circuit.js';
import type { Json, JsonObject } from '../../domain/json.js';
import type { AgentReply, AgentSuccess } from '../agents/agents.js';
import { isRef, type OutputRef, type ArtifactStore, type StoredArtifact } from '../workflow/artifacts.js';
import { hashOf } from '../log/event-hash.js';

/** Of a reference as JSON, without the value's name and with that of a long step. */
const REFERENCE_BYTES = 256;

const byteLength = (text: string) => Buffer.byteLength(text, 'utf8');

/** Each takes a transaction of the store, and a read for each later step. */
const MOST_STORED_VALUES = 1_000;

type StoredOutput = Readonly<{ output: JsonObject; bytes: number }>;

/**
 * Moves the largest top-level values to the artifact store until the rest is at most `limitBytes` of JSON, or moving makes it
 * no smaller; and those that look like a reference, as a reader could not distinguish them from one later.
 * @returns null, with nothing stored, where more than `MOST_STORED_VALUES` would have to be moved
 */
export const storeLargeValues = async (
  store: ArtifactStore,
  step: string,
  data: JsonObject,
  limitBytes: number,
): Promise<StoredOutput | null> => {
  const sized = Object.entries(data).map(([key, value]) => ({
    key,
    text: JSON.stringify(value),
  }));
  let total = byteLength(JSON.stringify(data));
  const moved: Readonly<{ key: string; text: string }>[] = [];
  for (const { key, text } of sized.sort((a, b) => b.text.length - a.text.length)) {
    const bytes = byteLength(text);
    const makesItSmaller = total > limitBytes && bytes > REFERENCE_BYTES + byteLength(key);
    if (!makesItSmaller && !isRef(data[key]!)) continue;
    if (moved.length === MOST_STORED_VALUES) return null;
    moved.push({ key, text });
    total += byteLength(JSON.stringify(refOf(step, key, { sha256: NO_HASH, bytes }))) - bytes;
  }
  const result: Record<string, Json> = { ...data };
  for (const { key, text } of moved)
    result[key] = refOf(step, key, await store.put(Buffer.from(text, 'utf8'), 'application/json'));
  return { output: result, bytes: total };
};

/** As long as any hash. */
const NO_HASH = '0'.repeat(64);

const refOf = (step: string, key: string, stored: StoredArtifact): OutputRef => ({
  artifact: `${step}/${key}`,
  ...stored,
  contentType: 'application/json',
});

/** @throws ArtifactDamaged where a stored value is missing or altered, which the artifact store never allows by itself */
export const loadLargeValues = async (store: ArtifactStore, data: JsonObject): Promise<JsonObject> => {
  const entries = Object.entries(data).map(async ([key, value]): Promise<[string, Json]> => {
    if (!isRef(value)) return [key, value];
    const stored = await store.mustGet(value.sha256, value.artifact);
    return [key, JSON.parse(Buffer.from(stored.content).toString('utf8')) as Json];
  });
  return Object.fromEntries(await Promise.all(entries));
};

/** Half of what a log takes with one append: small values of an output, which stay in its event, may have no more. */
const SMALL_VALUES_BYTES = 512 * 1024;

/** Of an agent's metadata, as JSON: beside those values and the names of its files it fits into one append. */
const METADATA_BYTES = 256 * 1024;

/** Bytes of JSON beyond which the largest values of an output are not kept in its event. */
export type StepLimits = Readonly<{ inlineOutputBytes: number }>;

type Attempt = Readonly<{ stepId: string; step: string; attempt: number }>;

/** Makes a report of an agent's reply, whichever way it came. Files and large values go to the artifact store. */
export class Results {
  constructor(
    private readonly artifacts: ArtifactStore,
    private readonly limits: StepLimits,
  ) {}

  /** @throws what the artifact store throws */
  async report({ stepId, step, attempt }: Attempt, reply: AgentReply): Promise<StepCommand> {
    if (!reply.success) {
      const { error, retryAfterMs } = reply;
      return { type: 'FailStep', data: { stepId, attempt, error, retryAfterMs } };
    }
    const refuse = (code: string, expected: string): StepCommand => {
      const error = { type: 'validation', code, message: `Step "${step}": expected ${expected}` } as const;
      return { type: 'FailStep', data: { stepId, attempt, error, retryAfterMs: null } };
    };
    const metadataBytes = Buffer.byteLength(JSON.stringify(reply.metadata));
    if (metadataBytes > METADATA_BYTES)
      return refuse(
        'METADATA_TOO_LARGE',
        `its metadata to have at most ${METADATA_BYTES} bytes, got ${metadataBytes}; put the rest into its data`,
      );
    const stored = await storeLargeValues(this.artifacts, step, reply.data, this.limits.inlineOutputBytes);
    if (!stored)
      return refuse(
        'OUTPUT_TOO_LARGE',
        `at most ${MOST_STORED_VALUES} large values in its data, got more; put them under one key`,
      );
    const { output, bytes } = stored;
    const most = Math.max(SMALL_VALUES_BYTES, this.limits.inlineOutputBytes);
    if (bytes > most)
      return refuse(
        'OUTPUT_TOO_LARGE',
        `the small values of its data to have at most ${most} bytes, got ${bytes}; put them under one key`,
      );
    const artifacts = await this.keepFiles(reply);
    const whole = { outputHash: hashOf(reply.data), agentMetadata: reply.metadata };
    return { type: 'CompleteStep', data: { stepId, attempt, output, artifacts, ...whole } };
  }

  private keepFiles({ artifacts }: AgentSuccess) {
    return Promise.all(
      artifacts.map(async ({ name, contentType, content }) => ({
        name,
        ...(await this.artifacts.put(content, contentType)),
        contentType,
      })),
    );
  }
}

/** The codes of failures of our own artifact store: no agent is to blame for them. */
export const ARTIFACT_STORE_FAILED = 'ARTIFACT_STORE';
export const ARTIFACT_DAMAGED = { altered: 'ARTIFACT_ALTERED', missing: 'ARTIFACT_MISSING' } as const;
const OF_OUR_STORE: readonly string[] = [ARTIFACT_STORE_FAILED, ...Object.values(ARTIFACT_DAMAGED)];

/** What a call shows about its agent; null where the call ended before the agent could answer, or shows nothing. */
export const resultOf = (report: StepCommand | null): CallResult | null => {
  if (report?.type === 'CompleteStep' || report?.type === 'DeferStep') return { kind: 'answered' };
  if (report?.type !== 'FailStep') return null;
  const { error, retryAfterMs } = report.data;
  if (OF_OUR_STORE.includes(error.code ?? '')) return null;
  // An agent that refuses is there: only failures that another call may be spared count against it.
  return error.type === 'transient' ? { kind: 'failed', retryAfterMs } : { kind: 'answered' };
};
