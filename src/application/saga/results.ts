import type { StepCommand } from '../../domain/workflow/commands.js';
import type { CallResult } from '../../domain/agent/circuit.js';
import { canonicalJson, type Json, type JsonObject } from '../../domain/json.js';
import type { StepError } from '../../domain/workflow/retry-policy.js';
import type { AgentReply, AgentSuccess, Deferred } from '../agents/agents.js';
import { NotReady, reasonOf } from '../runtime/errors.js';
import {
  ArtifactDamaged,
  isRef,
  type OutputRef,
  type ArtifactStore,
  type StoredArtifact,
} from '../workflow/artifacts.js';
import { sha256 } from '../log/event-hash.js';
import type { AppendRefused } from '../log/event-log.js';

/** Of a reference as JSON, without the value's name and with that of a long step. */
const REFERENCE_BYTES = 256;

const byteLength = (text: string) => Buffer.byteLength(text, 'utf8');

/** Each takes a transaction of the store, and a read for each later step. */
const MOST_STORED_VALUES = 1_000;

type StoredOutput = Readonly<{ output: JsonObject; bytes: number }>;

/**
 * Moves the largest top-level values to the artifact store until the rest is at most `limitBytes` of JSON, or moving makes it
 * no smaller; and those that look like a reference, as a reader could not distinguish them from one later.
 * @param dataBytes of the data as JSON
 * @returns null, with nothing stored, where more than `MOST_STORED_VALUES` would have to be moved
 */
export const storeLargeValues = async (
  store: ArtifactStore,
  step: string,
  data: JsonObject,
  limitBytes: number,
  dataBytes = byteLength(JSON.stringify(data)),
): Promise<StoredOutput | null> => {
  let total = dataBytes;
  if (total <= limitBytes && !Object.values(data).some(isRef)) return { output: { ...data }, bytes: total };
  const sized = Object.entries(data).map(([key, value]) => ({
    key,
    text: JSON.stringify(value),
  }));
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
  if (!Object.values(data).some(isRef)) return { ...data };
  const entries = Object.entries(data).map(async ([key, value]): Promise<[string, Json]> => {
    if (!isRef(value)) return [key, value];
    const stored = await store.mustGet(value.sha256, value.artifact);
    return [key, JSON.parse(Buffer.from(stored.content).toString('utf8')) as Json];
  });
  return Object.fromEntries(await Promise.all(entries));
};

/** Of what a log takes with one append: small values of an output, which stay in its event, may have no more. */
const SMALL_VALUES_SHARE = 1 / 2;

/** Of an agent's metadata, as JSON: beside those values and the names of its files it fits into one append. */
const METADATA_SHARE = 1 / 4;

export type StepLimits = Readonly<{
  /** Bytes of JSON beyond which the largest values of an output are not kept in its event. */
  inlineOutputBytes: number;
  /** What the log takes with one append. */
  maxAppendBytes: number;
}>;

type Attempt = Readonly<{ stepId: string; step: string; attempt: number }>;

/** The artifact store takes nothing at this moment: what the agent answered is kept until it does. The cause is for the log. */
export class ArtifactsAway extends Error {}

const failed = ({ stepId, attempt }: Attempt, error: StepError): StepCommand => ({
  type: 'FailStep',
  data: { stepId, attempt, error, retryAfterMs: null },
});

/** Another try mends a store that is away, and not a store that holds other bytes than it was given. */
export const storeFailure = (attempt: Attempt, thrown: unknown): StepCommand => {
  const message = reasonOf(thrown);
  return thrown instanceof ArtifactDamaged
    ? failed(attempt, { type: 'fatal', code: ARTIFACT_DAMAGED[thrown.kind], message })
    : failed(attempt, {
        type: 'transient',
        code: ARTIFACT_STORE_FAILED,
        message: `The artifact store failed: ${message}`,
      });
};

/** Each part of the answer was within its bounds, and all of them together are not. */
export const tooLarge = (attempt: Attempt, { message }: AppendRefused): StepCommand =>
  failed(attempt, {
    type: 'validation',
    code: 'RESULT_TOO_LARGE',
    message: `Step "${attempt.step}": its result does not fit into the event log. ${message}`,
  });

/** Makes a report of an agent's reply, whichever way it came. Files and large values go to the artifact store. */
export class Results {
  constructor(
    private readonly artifacts: ArtifactStore,
    private readonly limits: StepLimits,
  ) {}

  /**
   * @param isLastTry a store that can be reached and takes nothing fails the attempt
   * @throws ArtifactsAway
   */
  async report(attempt: Attempt, reply: AgentReply | Deferred, isLastTry = false): Promise<StepCommand> {
    if ('deferred' in reply) return { type: 'DeferStep', data: { stepId: attempt.stepId, attempt: attempt.attempt } };
    try {
      return await this.reportOf(attempt, reply);
    } catch (thrown) {
      const mayMend = !(thrown instanceof ArtifactDamaged) && (thrown instanceof NotReady || !isLastTry);
      if (mayMend) throw new ArtifactsAway(`The artifact store failed: ${reasonOf(thrown)}`, { cause: thrown });
      return storeFailure(attempt, thrown);
    }
  }

  private async reportOf({ stepId, step, attempt }: Attempt, reply: AgentReply): Promise<StepCommand> {
    if (!reply.success) {
      const { error, retryAfterMs } = reply;
      return { type: 'FailStep', data: { stepId, attempt, error, retryAfterMs } };
    }
    const { inlineOutputBytes, maxAppendBytes } = this.limits;
    const refuse = (code: string, expected: string): StepCommand =>
      failed({ stepId, step, attempt }, { type: 'validation', code, message: `Step "${step}": expected ${expected}` });
    const metadataBytes = Buffer.byteLength(JSON.stringify(reply.metadata));
    const mostMetadata = Math.floor(maxAppendBytes * METADATA_SHARE);
    if (metadataBytes > mostMetadata)
      return refuse(
        'METADATA_TOO_LARGE',
        `its metadata to have at most ${mostMetadata} bytes, got ${metadataBytes}; put the rest into its data ` +
          '(the limit is a quarter of EVENTSTORE_MAX_APPEND_BYTES)',
      );
    // As long as any other text of it: it is written once, for its size and its hash.
    const text = canonicalJson(reply.data);
    const stored = await storeLargeValues(this.artifacts, step, reply.data, inlineOutputBytes, byteLength(text));
    if (!stored)
      return refuse(
        'OUTPUT_TOO_LARGE',
        `at most ${MOST_STORED_VALUES} large values in its data, got more; put them under one key`,
      );
    const { output, bytes } = stored;
    const most = Math.floor(maxAppendBytes * SMALL_VALUES_SHARE);
    if (bytes > most)
      return refuse(
        'OUTPUT_TOO_LARGE',
        `the small values of its data to have at most ${most} bytes, got ${bytes}; put them under one key ` +
          '(the limit is half of EVENTSTORE_MAX_APPEND_BYTES)',
      );
    const artifacts = reply.artifacts.length > 0 ? await this.keepFiles(reply) : [];
    const whole = { outputHash: sha256(text), agentMetadata: reply.metadata };
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
const ARTIFACT_STORE_FAILED = 'ARTIFACT_STORE';
const ARTIFACT_DAMAGED = { altered: 'ARTIFACT_ALTERED', missing: 'ARTIFACT_MISSING' } as const;
const OF_OUR_STORE: readonly string[] = [ARTIFACT_STORE_FAILED, ...Object.values(ARTIFACT_DAMAGED)];

type Failure = Readonly<{ error: StepError; retryAfterMs: number | null }>;

/** What an answer shows about its agent. */
export const resultOfReply = (reply: AgentReply | Deferred): CallResult =>
  'deferred' in reply || reply.success ? { kind: 'answered' } : resultOfFailure(reply);

/** What the end of a call without an answer shows about its agent; null where it shows nothing. */
export const resultOfEnd = (report: StepCommand | null): CallResult | null =>
  report?.type === 'FailStep' && !OF_OUR_STORE.includes(report.data.error.code) ? resultOfFailure(report.data) : null;

/** An agent that refuses is there: only failures that another call may be spared count against it. */
const resultOfFailure = ({ error, retryAfterMs }: Failure): CallResult =>
  error.type === 'transient' ? { kind: 'failed', retryAfterMs } : { kind: 'answered' };
