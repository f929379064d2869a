/**
 * That a person has looked at an execution's history, how far, and what came of it. A stream of its own for each execution,
 * as a history ends with its final event and is reviewed after that. The events are a storage contract.
 */
import type { Message } from '../decider.js';
import { is, mustHold, oneOf, record, text, time, whole } from '../shape.js';

export const OUTCOMES = ['accepted', 'findings', 'rejected'] as const;
export type ReviewOutcome = (typeof OUTCOMES)[number];

export type AuditReviewed = Readonly<{
  executionId: string;
  /** The last event that was looked at, and its hash: a review is of this history and no other. SHA-256, hex. */
  throughRevision: number;
  eventHash: string;
  outcome: ReviewOutcome;
  reason: string;
  actor: Readonly<{ type: string; id: string }>;
  /** ISO-8601 UTC. */
  at: string;
}>;

type ReviewEvent = Message<'AuditReviewed', AuditReviewed>;

export const REVIEW_STREAM_PREFIX = 'audit-review-';
export const reviewStream = (executionId: string): string => REVIEW_STREAM_PREFIX + executionId;

const shape = record({
  executionId: text,
  throughRevision: whole(0),
  eventHash: is('a SHA-256', (value) => typeof value === 'string' && /^[0-9a-f]{64}$/.test(value)),
  outcome: oneOf(...OUTCOMES),
  reason: text,
  actor: record({ type: text, id: text }),
  at: time,
});

/** Null for a type that this version does not know. @throws where a known event does not hold what it should */
export const readReviewEvent = (type: string, data: unknown): ReviewEvent | null => {
  if (type !== 'AuditReviewed') return null;
  mustHold(shape, type, data);
  return { type, data: data as AuditReviewed };
};

/** What stands of all reviews of an execution. */
export type ReviewStatus = Readonly<{
  /** Reviews may overlap and may go back: what was looked at once stays looked at. Null where none was. */
  reviewedThrough: number | null;
  unreviewedEvents: number;
  last: AuditReviewed | null;
}>;

/** @param head revision of the execution's last event */
export const reviewStatus = (reviews: readonly AuditReviewed[], head: number): ReviewStatus => {
  const reviewedThrough = reviews.reduce<number>((most, { throughRevision }) => Math.max(most, throughRevision), -1);
  return {
    reviewedThrough: reviewedThrough < 0 ? null : reviewedThrough,
    unreviewedEvents: Math.max(0, head - reviewedThrough),
    last: reviews.at(-1) ?? null,
  };
};
