import { createHmac, timingSafeEqual } from 'node:crypto';
import { z } from 'zod';
import type { Clock } from '../../application/runtime/clock.js';
import { InvalidRequest } from '../../application/runtime/errors.js';
import { TaskReports, type TaskReport, TaskTokens, type AttemptRef } from '../../application/workflow/tasks.js';
import type { JsonObject } from '../../domain/json.js';
import { describe, readResult } from './answer.js';
import { bounded } from './failures.js';
import { hideIn } from './hidden-secrets.js';
import type { AgentLimits } from './limits.js';

const ID_BYTES = 16;
const ATTEMPT_BYTES = 4;
const MAC_BYTES = 32;
const LONGEST = 512;

/** The signed bytes begin with this, so that the secret may serve other purposes, too. */
const PURPOSE = 'workflow-executor/task-token/1';

/**
 * The attempt in clear and a MAC of it (HMAC-SHA-256), as base64url: a token needs no storage. Only a process that has the
 * secret can make one or check one.
 */
export class HmacTaskTokens extends TaskTokens {
  constructor(private readonly secret: Uint8Array) {
    super();
  }

  issue({ executionId, step, attempt }: AttemptRef): string {
    const number = Buffer.alloc(ATTEMPT_BYTES);
    number.writeUInt32BE(attempt);
    const id = Buffer.from(executionId.replaceAll('-', ''), 'hex');
    const content = Buffer.concat([id, number, Buffer.from(step, 'utf8')]);
    return Buffer.concat([this.mac(content), content]).toString('base64url');
  }

  read(token: string): AttemptRef | null {
    if (token.length > LONGEST) return null;
    const bytes = Buffer.from(token, 'base64url');
    const content = bytes.subarray(MAC_BYTES);
    // Decoding skips what is not base64url: without this an attempt would have many tokens that look alike.
    const isWhole = content.length > ID_BYTES + ATTEMPT_BYTES && bytes.toString('base64url') === token;
    if (!isWhole || !timingSafeEqual(bytes.subarray(0, MAC_BYTES), this.mac(content))) return null;
    return {
      executionId: content.toString('hex', 0, ID_BYTES).replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-'),
      step: content.toString('utf8', ID_BYTES + ATTEMPT_BYTES),
      attempt: content.readUInt32BE(ID_BYTES),
    };
  }

  private mac(content: Uint8Array): Buffer {
    return createHmac('sha256', this.secret).update(PURPOSE).update('\0').update(content).digest();
  }
}

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
    /** Asked at each report: they change while we run. */
    private readonly secrets: () => readonly string[] = () => [],
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
    // The description names every unknown member, however many there are.
    if (!data) throw invalid(bounded(describe(error), this.limits.messageLength));
    // Replaced before the text is cut: the rest of a token may be enough to complete it.
    const safe = data.message && hideIn(data.message.replaceAll(token, '[task token]'), this.secrets());
    const message = safe ? bounded(safe, this.limits.progressLength) : null;
    return { type: 'heartbeat', percent: data.percent ?? null, message };
  }

  private result(json: unknown, step: string) {
    const answer = readResult(json, {
      step,
      now: this.clock.now(),
      limits: this.limits,
      secrets: this.secrets(),
    });
    if (answer.kind === 'garbage') throw invalid(answer.problem);
    return answer.reply;
  }
}

const invalid = (problem: string) =>
  new InvalidRequest('INVALID_REPORT', `body: expected ${EXPECTED}, but ${problem}`, { continue: true });
