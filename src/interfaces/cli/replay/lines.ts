/** A replay as text of at most 120 columns, and as one JSON object a line for machines. */
import type { StoryLine } from '../../../application/replay/story.js';
import type { Verdict, Surveyed } from '../../../application/replay/verdict.js';
import { span, DIFFERENCES, type DifferenceKind } from '../../../domain/workflow/what-if/difference.js';
import type { StepFailed, WorkflowEvent } from '../../../domain/workflow/events.js';

/** What an event says, in one line for people. */

const describeEvent = (event: WorkflowEvent): string => {
  switch (event.type) {
    case 'WorkflowStarted': {
      const { definition, projectId, documentType, autoExecute, definitionHash } = event.data;
      const how = autoExecute ? 'runs by itself' : 'step by step';
      return `${definition.name} for project ${projectId} (${documentType}), ${how}; definition ${definitionHash.slice(0, 12)}`;
    }
    case 'WorkflowPaused': {
      const { cause, exhausted, stepInFlight } = event.data;
      if (cause === 'retries_exhausted') return `retries of ${exhausted?.step ?? 'a step'} are exhausted`;
      return stepInFlight ? 'a call is still in flight' : '';
    }
    case 'WorkflowCancelled':
      return event.data.stepInFlight ? 'the running call is aborted' : '';
    case 'WorkflowFailed':
      return `${event.data.step}: ${event.data.error.message}`;
    case 'NextStepRequested':
      return event.data.step;
    case 'StepStarted': {
      const { step, attempt, agent, deadline, because, worker } = event.data;
      const why = because ? `, after failure ${because.attempt} of ${because.of}` : '';
      return `${step}, attempt ${attempt}: ${agent} is called by ${worker}, until ${deadline}${why}`;
    }
    case 'StepDeferred': {
      const { step, attempt, heartbeatDueAt } = event.data;
      return `${step}, attempt ${attempt}: the agent reports later${heartbeatDueAt ? `, heartbeat due ${heartbeatDueAt}` : ''}`;
    }
    case 'StepProgressed': {
      const { step, percent, message } = event.data;
      return `${step}: ${percent === null ? '' : `${percent} %`} ${message ?? ''}`.trimEnd();
    }
    case 'StepCompleted': {
      const { step, attempt, durationMs, artifacts } = event.data;
      const files = artifacts.length > 0 ? `; ${artifacts.map(({ name }) => name).join(', ')}` : '';
      return `${step}, attempt ${attempt}: after ${span(durationMs)}${files}`;
    }
    case 'StepFailed':
      return failed(event.data);
    case 'StepSkipped':
      return `${event.data.step}: ${event.data.error.message}`;
    case 'StepInterrupted': {
      const { step, attempt, worker, cause } = event.data;
      return `${step}, attempt ${attempt}: ${cause === 'shutdown' ? 'shutdown' : 'loss'} of ${worker}`;
    }
    case 'StepRetryRequested': {
      const { step, abandonedAttempt, earlier } = event.data;
      const abandoned = abandonedAttempt === null ? '' : `; attempt ${abandonedAttempt} is abandoned`;
      return `${step}${abandoned}${earlier ? `; it stood at: ${earlier.error.message}` : ''}`;
    }
    case 'WorkflowResumed':
    case 'WorkflowCompleted':
    case 'RemainingStepsRequested':
      return '';
  }
};

const RULES = {
  retry: 'is tried again',
  error_not_retryable: 'is not retried: such an error never is',
  step_not_retryable: 'is not retried: the step never is',
  attempts_exhausted: 'is not retried: no attempt is left',
} as const;

const failed = ({ step, attempt, error, decision }: StepFailed): string => {
  const delay = decision.delayMs === null ? '' : ` after ${span(decision.delayMs)} (${decision.delaySource})`;
  const rule = `attempt ${decision.attempt} of ${decision.of} ${RULES[decision.rule]}${delay}`;
  return `${step}, attempt ${attempt}: ${rule}; ${error.type} ${error.code}: ${error.message}`;
};

export const COLUMNS = 120;

/** On one line, without control characters, cut where it would not fit. */
const fitted = (text: string, columns = COLUMNS): string => {
  const plain = text.replace(/\p{C}+/gu, ' ');
  const characters = [...plain];
  return characters.length > columns ? `${characters.slice(0, columns - 1).join('')}…` : plain;
};

const column = (text: string, width: number) => fitted(text, width).padEnd(width);

/** Where and when, who, what, and the state after it; below it what it says, the reason and what it changed. */
export const storyText = ({ recorded, event, actor, reason, occurredAt, after, changes }: StoryLine): string[] => {
  const at = occurredAt ?? recorded.recordedAt.toISOString();
  const who = actor ? `${actor.type} ${actor.id}` : 'unknown';
  const state = after ? `${after.current_state} ${after.percent_complete} %` : '';
  const head = [
    String(recorded.revision).padStart(5),
    column(at, 24),
    column(who, 26),
    column(recorded.type, 24),
    state,
  ].join('  ');
  const what = event ? describeEvent(event) : 'of a type that this version does not know: it changes nothing';
  const changed = changes.map(({ what: name, from, to }) => `${name} ${from ?? 'none'} → ${to}`).join(', ');
  const below = [what, reason === null ? '' : `reason: ${reason}`, changed];
  return [head, ...below.filter((text) => text !== '').map((text) => `       ${text}`)].map((text) =>
    fitted(text.trimEnd()),
  );
};

export const storyJson = ({ recorded, event, actor, reason, occurredAt, after, changes }: StoryLine): string =>
  JSON.stringify({
    revision: String(recorded.revision),
    position: String(recorded.position),
    event_type: recorded.type,
    is_known: event !== null,
    occurred_at: occurredAt,
    recorded_at: recorded.recordedAt,
    actor,
    reason,
    data: recorded.data,
    state: after,
    changes,
  });

export const verdictText = ({ differences, fitsUntil, shiftMs, events }: Verdict): string[] => {
  const each = differences.map(({ revision, at, kind, step, real, other }) => [
    `${String(revision).padStart(5)}  ${at.toISOString()}  ${column(kind, 9)} ${step ?? ''}`,
    `       was:   ${real}`,
    `       would: ${other}`,
  ]);
  const none = differences.length === 0 ? [`No decision of ${events} events would differ.`] : [];
  const rest =
    fitsUntil === null
      ? [`The whole history fits${shiftMs ? `; it would have ended ${later(shiftMs)}` : ''}.`]
      : [`From event ${fitsUntil} on nothing can be said: what followed depends on answers that nobody gave.`];
  return [...none, ...each.flat(), ...rest].map((text) => fitted(text));
};

const later = (ms: number) => (ms > 0 ? `${span(ms)} later` : `${span(-ms)} earlier`);

export const verdictJson = ({ executionId, events, differences, fitsUntil, shiftMs }: Verdict): string =>
  JSON.stringify({
    execution_id: executionId,
    events,
    differs: differences.length > 0,
    fits_until: fitsUntil === null ? null : String(fitsUntil),
    shift_ms: shiftMs,
    differences: differences.map(({ revision, at, kind, step, real, other, isLast }) => ({
      revision: String(revision),
      at,
      kind,
      step,
      real,
      other,
      nothing_known_after: isLast,
    })),
  });

/** The end of a survey: how many executions would have gone otherwise, by kind of difference. Bounded, however many there are. */

const EXAMPLES = 10;

export class Tally {
  executions = 0;
  events = 0;
  differ = 0;
  failed = 0;
  private lost = 0;
  private readonly byKind = new Map<DifferenceKind, { executions: number; decisions: number; example: string }>();
  private readonly errors: string[] = [];

  add({ executionId, verdict, error }: Surveyed): void {
    this.executions++;
    if (!verdict) {
      this.failed++;
      if (this.errors.length < EXAMPLES) this.errors.push(`${executionId}: ${error}`);
      return;
    }
    this.events += verdict.events;
    if (verdict.differences.length > 0) this.differ++;
    if (verdict.fitsUntil !== null) this.lost++;
    for (const kind of new Set(verdict.differences.map((difference) => difference.kind))) {
      const of = this.byKind.get(kind) ?? { executions: 0, decisions: 0, example: executionId };
      of.executions++;
      of.decisions += verdict.differences.filter((difference) => difference.kind === kind).length;
      this.byKind.set(kind, of);
    }
  }

  /** 0 where none differs, 1 where one does, 2 where one could not be read. */
  get exitCode(): number {
    return this.failed > 0 ? 2 : this.differ > 0 ? 1 : 0;
  }

  text(): string[] {
    const rows = DIFFERENCES.flatMap((kind) => {
      const of = this.byKind.get(kind);
      return of ? [row(kind, String(of.executions), String(of.decisions), of.example)] : [];
    });
    const table = rows.length > 0 ? [row('difference', 'executions', 'decisions', 'for example'), ...rows, ''] : [];
    return [
      ...table,
      `${this.executions} executions, ${this.events} events: ${this.differ} would differ, of ${this.lost} not the whole can be said, ${this.failed} could not be read.`,
      ...this.errors.map((error) => fitted(`  ${error}`)),
    ];
  }

  json(): string {
    const { executions, events, differ, failed, lost } = this;
    const kinds = Object.fromEntries(this.byKind);
    return JSON.stringify({ summary: { executions, events, differ, cut_short: lost, failed, kinds } });
  }
}

const row = (kind: string, executions: string, decisions: string, example: string) =>
  `${kind.padEnd(12)}${executions.padStart(12)}${decisions.padStart(12)}  ${example}`;
