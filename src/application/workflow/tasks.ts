/** Attempts whose agents report later: the token that names an attempt, and what an agent can report under it. */
import type { JsonObject } from '../../domain/json.js';
import type { StepCommand } from '../../domain/workflow/commands.js';
import type { AgentFailure, AgentSuccess } from '../agents/agents.js';
import { commandIdFor } from '../log/ids.js';

/** Attempts are absolute numbers, so this names one attempt for ever. */
export type AttemptRef = Readonly<{ executionId: string; step: string; attempt: number }>;

/** One attempt has one completion and one failure, however often its agent reports them. */
export const taskCommandId = ({ executionId, step, attempt }: AttemptRef, type: StepCommand['type']): string =>
  commandIdFor(executionId, `Task${type}`, `${step}:${attempt}`);

/** A token cannot be guessed, not even by a reader of the whole history; any instance can read it, also after a restart. */
export abstract class TaskTokens {
  abstract issue(attempt: AttemptRef): string;
  /** Null for whatever was not issued by this installation. Says nothing of whether the attempt still runs. */
  abstract read(token: string): AttemptRef | null;
}

export type TaskReport =
  | Readonly<{ type: 'heartbeat'; percent: number | null; message: string | null }>
  | Readonly<{ type: 'complete'; reply: AgentSuccess }>
  | Readonly<{ type: 'fail'; reply: AgentFailure }>;

/** Reads a report under the same rules and limits as an agent's direct answer. */
export abstract class TaskReports {
  /**
   * @param token must not stand in a message: many may read the history, and the attempt still runs
   * @throws InvalidRequest that says what was expected
   */
  abstract read(body: JsonObject, step: string, token: string): TaskReport;
}
