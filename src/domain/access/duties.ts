/** Separation of duties: who did something does not also vouch for it. Only proven actors are compared: a claim proves nothing. */
import { CommandRejected } from '../decider.js';

/** As events have it; `issuer` and `verified` where a credential proved it. */
export type DutyActor = Readonly<{
  type: string;
  id: string;
  issuer?: string | undefined;
  verified?: true | undefined;
}>;

export const isProven = ({ verified }: DutyActor): boolean => verified === true;

/** Never true of an actor that nothing proved. */
export const isSameActor = (one: DutyActor, other: DutyActor): boolean =>
  isProven(one) && isProven(other) && one.id === other.id && one.issuer === other.issuer;

/** What separates: a review of the history, and each meaning of a signature. The names stand in definition files and in events. */
export const DUTIES = ['audit_review', 'author', 'review', 'approval', 'responsibility'] as const;
export type Duty = (typeof DUTIES)[number];

/** The duties that a definition leaves to the actors of an execution themselves. */
export type SeparationOfDuties = Readonly<{ relax: readonly Duty[] }>;

/** What an actor did to an execution. */
export type Act = Readonly<{ act: 'started' | 'retried' | 'executed'; revision: number; actor: DutyActor }>;

const ACTS: Readonly<Record<string, Act['act']>> = {
  WorkflowStarted: 'started',
  StepRetryRequested: 'retried',
  NextStepRequested: 'executed',
  RemainingStepsRequested: 'executed',
};

type ActedEvent = Readonly<{ type: string; revision: number; actor: DutyActor | undefined }>;

/** The acts of proven actors, oldest first. */
export const actsIn = (events: readonly ActedEvent[]): readonly Act[] =>
  events.flatMap(({ type, revision, actor }) => {
    const act = Object.hasOwn(ACTS, type) ? ACTS[type] : undefined;
    return act && actor && isProven(actor) ? [{ act, revision, actor }] : [];
  });

/** An actor whose own act stands against what they ask for. */
export class DutiesNotSeparate extends CommandRejected {
  constructor(
    message: string,
    /** What stands against it, for the answer. */
    readonly standing: Readonly<Record<string, string>>,
  ) {
    super('Conflict', message);
  }
}

/** @throws DutiesNotSeparate, which names the act, where the actor did what they are about to vouch for */
export const mustBeSeparate = (
  actor: DutyActor,
  duty: Duty,
  { acts, relaxed }: Readonly<{ acts: readonly Act[]; relaxed: readonly Duty[] }>,
): void => {
  if (relaxed.includes(duty)) return;
  const standing = acts.find((act) => isSameActor(act.actor, actor));
  if (!standing) return;
  const { act, revision } = standing;
  const what = duty === 'audit_review' ? 'review it' : `sign it as ${duty}`;
  const message =
    `Expected another person: ${actor.type} ${actor.id} ${act} this execution (revision ${revision}), and who did does not ${what}. ` +
    `Another person has to, or a later definition relaxes it: separation_of_duties.relax, "${duty}"`;
  throw new DutiesNotSeparate(message, { act, revision: String(revision), duty });
};
