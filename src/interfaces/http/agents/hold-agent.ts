import { IsOptional } from 'class-validator';
import { AgentName, OpaqueId, Reason } from '../server/fields.js';
import { LONGEST_REASON } from '../executions/control-workflow.js';

export class AgentPath {
  @AgentName()
  name!: string;
}

/** Who asks, and why: a held agent stops work of others, who will want to know. */
export class HoldAgentBody {
  @IsOptional()
  @OpaqueId()
  actor_id?: string | null;

  @Reason(LONGEST_REASON)
  reason!: string;
}
