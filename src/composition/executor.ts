/** The application as a part of another program: started by a function, used by functions, in one process with its agents. */
import { CommandBus } from '@nestjs/cqrs';
import { StartWorkflow } from '../application/commands/start-workflow.js';
import { ExecutionEnds } from '../application/workflow/execution-ends.js';
import type { JsonObject } from '../domain/json.js';
import { checkpointOf } from '../domain/workflow/summary.js';
import { readConfig } from '../infrastructure/config/configuration.js';
import { StartWorkflowBody, startRequestOf } from '../interfaces/http/executions/commands.controller.js';
import { idempotencyKey } from '../interfaces/http/server/caller.js';
import { RequestPipe } from '../interfaces/http/server/fields.js';
import { HttpLimits } from '../interfaces/http/server/json-body.js';
import { readJson } from '../interfaces/http/server/read-json.js';
import { startServer, type Server } from './server.js';

/** As the body of `POST /api/v1/workflow/start`. `metadata` is stored as JSON. */
export type StartBody = Readonly<{
  project_id: string;
  document_type: string;
  triggered_by?: string | null;
  auto_execute?: boolean | null;
  metadata?: Readonly<Record<string, unknown>> | null;
}>;

export type EndedExecution = Readonly<{
  execution_id: string;
  current_state: 'completed' | 'failed' | 'cancelled';
  /** What the completed steps returned, a later one's members over an earlier one's. */
  results: JsonObject;
  /** Of the last event; a read with `min_revision` of it shows this end. */
  revision: bigint;
}>;

export type WorkflowExecutor = Readonly<{
  /** Where the API is, without a slash at the end. */
  url: string;
  /**
   * Starts an execution. @returns its id, once the start is in the log
   * @param options `idempotencyKey`: a repeat with the same key starts nothing and gives the id of the first
   * @throws Error that says what was expected; TooMuchWaiting, LogUnavailable by their names
   */
  start: (body: StartBody, options?: Readonly<{ idempotencyKey?: string }>) => Promise<string>;
  /**
   * Waits until the end of an execution is in the log, whichever instance wrote it; the read tables follow. At most
   * `MAX_WAITING_EXECUTIONS` calls wait at the same time.
   * @throws the signal's reason; NotFound, TooMuchWaiting, LogUnavailable, HistoryDamaged, NotReady (at the stop) by their names
   */
  ended: (executionId: string, options?: Readonly<{ signal?: AbortSignal }>) => Promise<EndedExecution>;
  /** Takes no new work, waits for what is under way (`SHUTDOWN_GRACE_MS`), hands over the rest. */
  stop: () => Promise<void>;
}>;

/** @throws ConfigurationError that lists everything that is wrong */
export const startExecutor = async (settings: Readonly<Record<string, string>>): Promise<WorkflowExecutor> =>
  executorOf(await startServer(readConfig(settings)));

export const executorOf = ({ app, url, stop }: Server): WorkflowExecutor => {
  const [commands, ends, limits] = [app.get(CommandBus), app.get(ExecutionEnds), app.get(HttpLimits)];
  return {
    url,
    stop,
    start: async (body, options = {}) => {
      const request = startRequestOf(checked(body, limits), limits);
      const actor = { type: 'service', id: request.triggeredBy ?? 'anonymous' } as const;
      const key = idempotencyKey(options.idempotencyKey);
      const caller = { actor, reason: null, idempotencyKey: key, traceparent: null };
      const { state } = await commands.execute(new StartWorkflow(request, caller));
      return state.executionId;
    },
    ended: async (executionId, { signal } = {}) => {
      const { state, revision } = await ends.of(executionId.toLowerCase(), signal);
      return {
        execution_id: state.executionId,
        current_state: state.status as EndedExecution['current_state'],
        results: checkpointOf(state).intermediate_results,
        revision,
      };
    },
  };
};

const pipe = new RequestPipe();

/** What comes over HTTP is held to the same rules. */
const checked = (body: StartBody, { bodyMembers: members, jsonDepth: depth }: HttpLimits): StartWorkflowBody => {
  const read = readJson(Buffer.from(JSON.stringify(body)), { members, depth });
  return pipe.transform(read, { type: 'body', metatype: StartWorkflowBody }) as StartWorkflowBody;
};
