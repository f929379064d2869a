/** What takes two persons: one proposes, another confirms. */
import { isSameActor, type DutyActor } from '../access/duties.js';

export type Proposal = Readonly<{ actor: DutyActor; reason: string | null; at: string }>;

/** After that a proposal counts for nothing, and the next call proposes anew. */
const PROPOSAL_HOURS = 24;

/** ISO-8601 UTC. */
export const proposalEnd = ({ at }: Pick<Proposal, 'at'>): string =>
  new Date(Date.parse(at) + PROPOSAL_HOURS * 3_600_000).toISOString();

const counts = (proposal: Proposal | null, now: string): proposal is Proposal =>
  proposal !== null && Date.parse(now) < Date.parse(proposalEnd(proposal));

/** `waits`: the same actor has proposed it already. */
export const confirms = ({ actor, at }: Proposal, proposed: Proposal | null): 'proposes' | 'waits' | 'confirmed' => {
  if (!counts(proposed, at)) return 'proposes';
  return isSameActor(proposed.actor, actor) ? 'waits' : 'confirmed';
};

/** The proposal that a confirmation is awaited for, as of now (ISO-8601). */
export const awaited = (proposed: Proposal | null, now: string): Proposal | null =>
  counts(proposed, now) ? proposed : null;
