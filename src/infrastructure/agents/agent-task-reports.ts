import { z } from 'zod';
import type { Clock } from '../../application/runtime/clock.js';
import { InvalidRequest } from '../../application/runtime/errors.js';
import { TaskReports, type TaskReport } from '../../application/workflow/tasks.js';
import type { JsonObject } from '../../domain/json.js';
import { describe, readResult } from './answer.js';
import { bounded } from './failure.js';
import type { AgentLimits } from './limits.js';

const heartbeat = z.strictObject({
  type: z.literal('heartbeat'),
  percent: z.number().min(0).max(100).nullish(),
  message: z.string().nullish(),
});

const retryAfterMs = z.number().min(0).nullish();

const EXPECTED =
  '{"type": "heartbeat", "percent"?, "message"?}, {"type": "complete", "data", "metadata"?, "artifacts"?} or ' +
  '{"type": "fail", "error": {"type", "message", "code"}, "retry_after_ms"?}';

/** A completion and a failure hold what an agent's direct answer holds beside `success`, and are read by the same code. */
export class AgentTaskReports extends TaskReports {
  constructor(
    private readonly clock: Clock,
    private readonly limits: AgentLimits,
  ) {
    super();
  }

  read(body: JsonObject, step: string, token: string): TaskReport {
    const { type } = body;
    if (type === 'heartbeat') return this.heartbeat(body, token);
    if (type === 'complete') return this.complete(body, step);
    if (type === 'fail') return this.fail(body, step);
    throw invalid('its type is none of the three');
  }

  private complete(body: JsonObject, step: string): TaskReport {
    const reply = this.result({ ...body, success: true }, step);
    if (!reply.success) throw invalid('it is a failure');
    return { type: 'complete', reply };
  }

  private fail(body: JsonObject, step: string): TaskReport {
    const wait = retryAfterMs.safeParse(body['retry_after_ms']);
    if (!wait.success) throw invalid('retry_after_ms: expected a number of milliseconds from 0');
    const seconds = typeof wait.data === 'number' ? { retry_after: wait.data / 1000 } : {};
    const reply = this.result({ ...body, success: false, ...seconds }, step);
    if (reply.success) throw invalid('it is a success');
    return { type: 'fail', reply };
  }

  private heartbeat(body: JsonObject, token: string): TaskReport {
    const { data, error } = heartbeat.safeParse(body);
    // Strangers are all named in it, however many there are.
    if (!data) throw invalid(bounded(describe(error), this.limits.messageLength));
    // Before it is cut: what is left of a token may be enough to complete it.
    const said = data.message?.replaceAll(token, '[task token]');
    const message = said ? bounded(said, this.limits.progressLength) : null;
    return { type: 'heartbeat', percent: data.percent ?? null, message };
  }

  private result(json: unknown, step: string) {
    const answer = readResult(json, { step, now: this.clock.now(), limits: this.limits });
    if (answer.kind === 'garbage') throw invalid(answer.problem);
    return answer.reply;
  }
}

const invalid = (problem: string) =>
  new InvalidRequest('INVALID_REPORT', `body: expected ${EXPECTED}, but ${problem}`, { continue: true });
