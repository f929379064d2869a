import type { StepCommand } from '../../domain/workflow/commands.js';
import type { AgentReply, AgentSuccess } from '../agents/agents.js';
import type { ArtifactStore } from '../workflow/artifacts.js';
import { hashOf } from '../log/hash.js';
import { MOST_STORED_VALUES, storeLargeValues } from './outputs.js';

/** Half of what a log takes with one append: small values of an output, which stay in its event, may have no more. */
const SMALL_VALUES_BYTES = 512 * 1024;

/** Of an agent's metadata, as JSON: beside those values and the names of its files it fits into one append. */
const METADATA_BYTES = 256 * 1024;

/** Bytes of JSON beyond which the largest values of an output are not kept in its event. */
export type StepLimits = Readonly<{ inlineOutputBytes: number }>;

type Attempt = Readonly<{ stepId: string; step: string; attempt: number }>;

/** Puts what an agent gave into a report, whichever way it came: files and large values go to the artifact store. */
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
