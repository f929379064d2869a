/** The requests and the results of a thread that reads JSON: all of it can pass from thread to thread. */
import { Clock } from '../application/runtime/clock.js';
import { InvalidRequest } from '../application/runtime/errors.js';
import { AgentTaskReports } from '../infrastructure/agents/agent-task-reports.js';
import { readAnswerBytes, type AnswerOrder, type AnswerRead } from '../infrastructure/agents/answer.js';
import type { AgentLimits } from '../infrastructure/agents/limits.js';
import type { ReadBody, Task } from '../interfaces/http/server/json-body.js';
import { readJson, type BodyRules } from '../interfaces/http/server/read-json.js';
import { Refusal } from '../interfaces/http/server/refusal.js';

export type JsonOrder =
  | Readonly<{
      kind: 'body';
      rules: BodyRules;
      task: Task | null;
      now: Date;
      limits: AgentLimits;
      secrets: readonly string[];
    }>
  | Readonly<{ kind: 'answer'; order: AnswerOrder }>;

type Failure = Readonly<{ code: string; message: string }>;
export type JsonResult =
  | Readonly<{ kind: 'body'; read: ReadBody }>
  | Readonly<{ kind: 'answer'; read: AnswerRead }>
  | (Readonly<{ kind: 'refused'; status: number; details: unknown }> & Failure)
  | (Readonly<{ kind: 'invalid'; details: InvalidRequest['details'] }> & Failure);

export const carryOut = (asked: JsonOrder, bytes: Uint8Array): JsonResult => {
  if (asked.kind === 'answer') return { kind: 'answer', read: readAnswerBytes(bytes, asked.order) };
  try {
    return { kind: 'body', read: readBody(asked, bytes) };
  } catch (error) {
    if (error instanceof Refusal) {
      const { status, code, message, details } = error;
      return { kind: 'refused', status, code, message, details };
    }
    if (!(error instanceof InvalidRequest)) throw error;
    const { code, message, details } = error;
    return { kind: 'invalid', code, message, details };
  }
};

/** With a report the body is left out: the controller reads only the report. */
const readBody = ({ rules, task, now, limits, secrets }: JsonOrder & { kind: 'body' }, bytes: Uint8Array): ReadBody => {
  const body = readJson(bytes, rules);
  if (!task) return { body, report: null };
  const reports = new AgentTaskReports(new OneMoment(now), limits, () => secrets);
  return { body: {}, report: reports.read(body, task.step, task.token) };
};

class OneMoment extends Clock {
  constructor(private readonly moment: Date) {
    super();
  }
  now(): Date {
    return this.moment;
  }
  wakeAt(): never {
    throw new Error('Expected no timer in a thread that reads JSON');
  }
  wakeAfter(): never {
    throw new Error('Expected no timer in a thread that reads JSON');
  }
}
