/** A replay as text of at most 120 columns, and as one JSON object a line for machines. */
import type { StoryLine } from '../../../application/replay/story.js';
import type { Verdict } from '../../../application/replay/verdict.js';
import { span } from '../../../domain/workflow/what-if/difference.js';
import { describeEvent } from './describe-event.js';

export const COLUMNS = 120;

/** On one line, without control characters, cut where it would not fit. */
export const fitted = (text: string, columns = COLUMNS): string => {
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
