/** Agents that took a task token: they work without a connection, and report to any instance. */
import type { AgentCall } from '../../src/application/agents/agents.js';
import { ReportTask, type TaskAnswer } from '../../src/application/commands/report-task.js';
import { AttemptOver, NotFound } from '../../src/application/runtime/errors.js';
import type { AttemptRef, TaskTokens } from '../../src/application/workflow/tasks.js';
import type { JsonObject } from '../../src/domain/json.js';
import { outputFor, type Ledger } from './agents.js';
import type { Cluster } from './cluster.js';
import type { Random } from '../../src/testing/random.js';
import type { Requests } from './requests.js';

/** A report and its answer: the agent goes on, the report is recorded, or the attempt is over. Times are true times. */
export type Reported = Readonly<{
  ref: AttemptRef;
  type: 'heartbeat' | 'complete' | 'fail';
  sentAt: number;
  answeredAt: number;
  answer: 'go on' | 'recorded' | 'over';
}>;

export const TASK_FAILED = 'TASK_FAILED';

const ENDS = { completes: 5, fails: 1.5, 'falls silent': 1.5, 'reports twice': 1, 'has another token': 0.3 };

type Task = Readonly<{
  ref: AttemptRef;
  key: string;
  end: keyof typeof ENDS;
  endsAt: number;
  /** The time between two heartbeats; null: the agent sends none. */
  beatMs: number | null;
  /** The agent goes on after the answer that its attempt is over. */
  isStubborn: boolean;
}>;

/** How often an agent sends a report that no instance answers; a heartbeat is sent once, as another follows. */
const ATTEMPTS = 6;

export class Tasks {
  readonly reported: Reported[] = [];
  /** Answers that an agent should not get. */
  readonly unexpected: string[] = [];
  private readonly stopped = new Set<Task>();

  constructor(
    private readonly cluster: Cluster,
    private readonly random: Random,
    private readonly requests: Requests,
    private readonly ledger: Ledger,
    private readonly tokens: TaskTokens,
  ) {}

  begin({ input, idempotencyKey: key }: AgentCall): void {
    const { random, cluster } = this;
    const { execution_id: executionId, step, attempt } = input;
    const task: Task = {
      ref: { executionId, step, attempt },
      key,
      end: random.weighted(ENDS),
      endsAt: cluster.timeline.now + random.between(0, random.pick([2_000, 20_000, 70_000])),
      beatMs: random.chance(0.6) ? random.between(2_000, 12_000) : null,
      isStubborn: random.chance(0.3),
    };
    this.work(task, 0);
  }

  private work(task: Task, percent: number): void {
    const { timeline } = this.cluster;
    if (this.stopped.has(task) && !task.isStubborn) return;
    if (timeline.now >= task.endsAt) return this.finish(task);
    if (task.beatMs !== null) this.report(task, { type: 'heartbeat', percent, message: 'under way' }, 1);
    const left = task.endsAt - timeline.now;
    const next = Math.min(99, percent + this.random.between(0, 20));
    timeline.after(Math.min(task.beatMs ?? left, left), () => this.work(task, next));
  }

  private finish(task: Task): void {
    const { key, ref, end } = task;
    this.cluster.happenings.count(`task ${end}`);
    if (end === 'falls silent') return;
    const { executionId, step, attempt } = ref;
    const data = outputFor(key, step, false);
    if (end === 'fails') {
      const retryAfterMs = this.random.chance(0.3) ? this.random.between(1, 60) * 1_000 : null;
      this.ledger.answered.push({ executionId, step, attempt, type: 'transient', retryAfterMs });
      const error = { type: 'transient', message: 'It did not work out', code: TASK_FAILED };
      return this.report(task, { type: 'fail', error, retry_after_ms: retryAfterMs }, ATTEMPTS);
    }
    if (end === 'has another token') return this.forge(task, { type: 'complete', data });
    this.ledger.effect(key, data);
    this.report(task, { type: 'complete', data }, ATTEMPTS);
    if (end === 'reports twice') this.report(task, { type: 'complete', data }, ATTEMPTS);
  }

  private report(task: Task, body: JsonObject, attempts: number): void {
    const { cluster, tokens, requests } = this;
    const { ref } = task;
    const type = body['type'] as Reported['type'];
    const { timeline, happenings } = cluster;
    const report = new ReportTask(tokens.issue(ref), body, null);
    let sentAt = 0;
    const heard = (answer: Reported['answer']) => {
      this.reported.push({ ref, type, sentAt, answeredAt: timeline.now, answer });
      happenings.count(`task ${type}: ${answer}`);
      happenings.tell(() => `  agent ${shown(ref)}: ${type}: ${answer}`);
      if (answer === 'over') this.stopped.add(task);
    };
    const send = ({ report: handler }: { report: { execute: (it: ReportTask) => Promise<TaskAnswer> } }) => {
      sentAt = timeline.now;
      return handler.execute(report);
    };
    const refused = (error: unknown) => {
      if (error instanceof AttemptOver) heard('over');
      else if (error instanceof NotFound) this.unexpected.push(`${shown(ref)}: ${String(error)}`);
      else return true;
      return false;
    };
    const answered = (answer: TaskAnswer) => heard(answer.continue ? 'go on' : 'recorded');
    requests.make({ what: `${type} of ${shown(ref)}`, attempts, send, answered, refused });
  }

  /** A client that guesses a token from another. */
  private forge({ ref }: Task, body: JsonObject): void {
    const token = this.tokens.issue(ref);
    const other = (token.startsWith('A') ? 'B' : 'A') + token.slice(1);
    this.requests.make({
      what: `another token of ${shown(ref)}`,
      attempts: 1,
      send: ({ report }) => report.execute(new ReportTask(other, body, null)),
      answered: () => this.unexpected.push(`${shown(ref)}: a token that no instance issued was accepted`),
      refused: (error) => {
        if (error instanceof NotFound) this.cluster.happenings.count('task token refused');
        else this.unexpected.push(`${shown(ref)}: a token that no instance issued got ${String(error)}`);
        return false;
      },
    });
  }
}

const shown = ({ executionId, step, attempt }: AttemptRef) =>
  `${step} of ${executionId.slice(0, 8)}, attempt ${attempt}`;
