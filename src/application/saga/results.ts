import type { StepCommand } from '../../domain/workflow/commands.js';
import type { AgentReply, AgentSuccess } from '../agents.js';
import type { ArtifactStore } from '../artifacts.js';
import { hashOf } from '../hash.js';
import { storeLargeValues } from './outputs.js';

/** Bytes of JSON that an output may have inside its event. */
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
    const [output, artifacts] = await Promise.all([
      storeLargeValues(this.artifacts, step, reply.data, this.limits.inlineOutputBytes),
      this.keepFiles(reply),
    ]);
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
