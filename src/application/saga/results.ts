import type { StepCommand } from '../../domain/workflow/commands.js';
import type { AgentReply, AgentSuccess } from '../agents.js';
import type { ArtifactStore } from '../artifacts.js';
import { hashOf } from '../hash.js';
import { storeLargeValues } from './outputs.js';

/** Half of what a log takes with one append: small values of an output, which stay in its event, may have no more. */
const SMALL_VALUES_BYTES = 512 * 1024;

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
    const [{ output, bytes }, artifacts] = await Promise.all([
      storeLargeValues(this.artifacts, step, reply.data, this.limits.inlineOutputBytes),
      this.keepFiles(reply),
    ]);
    const most = Math.max(SMALL_VALUES_BYTES, this.limits.inlineOutputBytes);
    if (bytes > most) {
      const message = `Step "${step}": expected the small values of its data to have at most ${most} bytes, got ${bytes}; put them under one key`;
      const error = { type: 'validation', code: 'OUTPUT_TOO_LARGE', message } as const;
      return { type: 'FailStep', data: { stepId, attempt, error, retryAfterMs: null } };
    }
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
