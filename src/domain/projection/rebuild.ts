/** The life of a rebuild: asked for, built beside the live table, compared, swapped in, perhaps taken back. */
import { unreachable, type Decider, type Message, CommandRejected } from '../decider.js';
import { DutiesNotSeparate, isProven, isSameActor } from '../access/duties.js';
import { confirms, type Proposal } from './proposal.js';
import type { Asked, Comparison, ProjectionEvent, RebuildCause, Requirement } from './events.js';

type OfRebuild = Readonly<{ rebuildId: string; at: string }>;

export type ProjectionCommand =
  | Message<
      'RequestRebuild',
      OfRebuild & Asked & { projection: string; require: Requirement; cause: RebuildCause; version: number }
    >
  | Message<'ApproveRebuild', OfRebuild & Asked>
  | Message<'AbandonRebuild', OfRebuild & Asked>
  | Message<'RequestRollback', Asked & { at: string }>
  | Message<'DropPrevious', Asked & { at: string }>
  | Message<'RecordComparison', OfRebuild & { comparison: Comparison }>
  | Message<'RecordSwap', OfRebuild & { position: string; version: number }>
  | Message<'RecordRollback', OfRebuild & { position: string }>;

/**
 * building: read from the log into a table of its own; refused: it differs from the live table and waits for an operator;
 * accepted: to be swapped in; swapped: live, the table before it is kept; rolling_back, rolled_back: the one before it is
 * to be, or is, live again; abandoned: nothing is left of it.
 */
export type RebuildPhase =
  'building' | 'refused' | 'accepted' | 'swapped' | 'rolling_back' | 'rolled_back' | 'abandoned';

export type Rebuild = Readonly<{
  id: string;
  phase: RebuildPhase;
  require: Requirement;
  cause: RebuildCause;
  version: number;
  requestedAt: string;
  requestedBy: Asked;
  approvedBy: Asked | null;
  comparison: Comparison | null;
  comparedAt: string | null;
  endedAt: string | null;
  /** Where the tables were swapped, a position of the log. */
  position: string | null;
}>;

/**
 * `previous`: the table that was live before the latest swap is still there. `dropProposed`: one proven actor wants it dropped,
 * and another has to confirm it.
 */
export type ProjectionState = Readonly<{ rebuild: Rebuild | null; previous: boolean; dropProposed: Proposal | null }>;

export const isOpen = (rebuild: Rebuild | null): boolean =>
  rebuild !== null && ['building', 'refused', 'accepted', 'rolling_back'].includes(rebuild.phase);

const hasDifferences = ({ added, removed, changed }: Comparison): boolean => added + removed + changed > 0;

const decide = (command: ProjectionCommand, state: ProjectionState): readonly ProjectionEvent[] => {
  const { rebuild } = state;
  switch (command.type) {
    case 'RequestRebuild':
      if (isOpen(rebuild)) throw conflict('rebuild', state);
      mustNotApproveAhead(command.data);
      return [{ type: 'RebuildRequested', data: command.data }];
    case 'ApproveRebuild':
      if (!isOf(command, rebuild, 'refused')) throw conflict('approve', state);
      mustBeAnother(command.data, rebuild);
      return [{ type: 'RebuildApproved', data: command.data }];
    case 'AbandonRebuild':
      // Not once it is accepted: the tables may be swapped already, and only not recorded.
      if (!isOf(command, rebuild, 'building', 'refused')) throw conflict('abandon', state);
      return [{ type: 'RebuildAbandoned', data: command.data }];
    case 'RequestRollback':
      if (rebuild?.phase !== 'swapped' || !state.previous) throw conflict('rollback', state);
      return [{ type: 'RollbackRequested', data: { rebuildId: rebuild.id, ...command.data } }];
    case 'DropPrevious':
      if (rebuild?.phase !== 'swapped' || !state.previous) throw conflict('drop-previous', state);
      return dropPrevious({ rebuildId: rebuild.id, ...command.data }, state.dropProposed);
    case 'RecordComparison':
      return isOf(command, rebuild, 'building') ? [{ type: 'RebuildCompared', data: command.data }] : [];
    case 'RecordSwap':
      return isOf(command, rebuild, 'accepted') ? [{ type: 'ProjectionSwapped', data: command.data }] : [];
    case 'RecordRollback':
      return isOf(command, rebuild, 'rolling_back') ? [{ type: 'ProjectionRolledBack', data: command.data }] : [];
    default:
      return unreachable(command);
  }
};

/** @throws DutiesNotSeparate for a proven actor who orders a swap of whatever differs: that is an order and its approval in one */
const mustNotApproveAhead = ({
  actor,
  require,
  rebuildId,
}: Asked & { require: Requirement; rebuildId: string }): void => {
  if (require !== 'none' || !isProven(actor)) return;
  const message =
    'Expected require "zero-diff", got "none", which approves every difference in advance: order it with "zero-diff"; ' +
    'where the tables differ, another person approves';
  throw new DutiesNotSeparate(message, { act: 'ordered', rebuild_id: rebuildId, duty: 'approve' });
};

/** @throws DutiesNotSeparate where who ordered the rebuild would approve it as well */
const mustBeAnother = ({ actor }: Asked, rebuild: Rebuild | null): void => {
  if (!rebuild || !isSameActor(rebuild.requestedBy.actor, actor)) return;
  const message = `Expected another person: ${actor.type} ${actor.id} ordered rebuild ${rebuild.id}, and who did does not approve it`;
  throw new DutiesNotSeparate(message, { act: 'ordered', rebuild_id: rebuild.id, duty: 'approve' });
};

/** Two proven actors; one that nothing proves decides alone, as it would be no proof of two. */
const dropPrevious = (order: OfRebuild & Asked, proposed: Proposal | null): readonly ProjectionEvent[] => {
  const answer = isProven(order.actor) ? confirms(order, proposed) : 'confirmed';
  if (answer === 'waits') return [];
  return [{ type: answer === 'confirmed' ? 'PreviousTableDropped' : 'PreviousTableDropProposed', data: order }];
};

const isOf = ({ data }: { data: OfRebuild }, rebuild: Rebuild | null, ...phases: readonly RebuildPhase[]) =>
  rebuild?.id === data.rebuildId && phases.includes(rebuild.phase);

const evolve = (state: ProjectionState, event: ProjectionEvent): ProjectionState => {
  if (event.type === 'RebuildRequested') return { ...state, rebuild: requested(event.data), dropProposed: null };
  const { rebuild } = state;
  if (rebuild?.id !== event.data.rebuildId) return state;
  const { at } = event.data;
  const next = (change: Partial<Rebuild>) => ({ ...state, rebuild: { ...rebuild, ...change } });
  switch (event.type) {
    case 'RebuildCompared': {
      const { comparison } = event.data;
      const isRefused = rebuild.require === 'zero-diff' && hasDifferences(comparison);
      return next({ phase: isRefused ? 'refused' : 'accepted', comparison, comparedAt: at });
    }
    case 'RebuildApproved':
      return next({ phase: 'accepted', approvedBy: { actor: event.data.actor, reason: event.data.reason } });
    case 'RebuildAbandoned':
      return next({ phase: 'abandoned', endedAt: at });
    case 'ProjectionSwapped':
      return { ...next({ phase: 'swapped', endedAt: at, position: event.data.position }), previous: true };
    case 'RollbackRequested':
      return { ...next({ phase: 'rolling_back', endedAt: null }), dropProposed: null };
    case 'ProjectionRolledBack':
      return { ...next({ phase: 'rolled_back', endedAt: at, position: event.data.position }), previous: false };
    case 'PreviousTableDropProposed': {
      const { actor, reason } = event.data;
      return { ...state, dropProposed: { actor, reason, at } };
    }
    case 'PreviousTableDropped':
      return { ...state, previous: false, dropProposed: null };
    default:
      return unreachable(event);
  }
};

type Requested = Extract<ProjectionEvent, { type: 'RebuildRequested' }>['data'];

const requested = ({ rebuildId, require, cause, version, at, actor, reason }: Requested): Rebuild => ({
  id: rebuildId,
  phase: 'building',
  ...{ require, cause, version },
  requestedAt: at,
  requestedBy: { actor, reason },
  approvedBy: null,
  ...{ comparison: null, comparedAt: null, endedAt: null, position: null },
});

export const projectionLife: Decider<ProjectionCommand, ProjectionState, ProjectionEvent> = {
  initialState: { rebuild: null, previous: false, dropProposed: null },
  decide,
  evolve,
};

/** What an operator may ask for now. */
export const allowedNow = ({ rebuild, previous }: Pick<ProjectionState, 'rebuild' | 'previous'>): readonly string[] => {
  switch (rebuild?.phase) {
    case 'refused':
      return ['approve', 'abandon'];
    case 'building':
      return ['abandon'];
    case 'accepted':
    case 'rolling_back':
      return [];
    case 'swapped':
      return previous ? ['rebuild', 'rollback', 'drop-previous'] : ['rebuild'];
    case 'rolled_back':
    case 'abandoned':
    case undefined:
      return ['rebuild'];
  }
};

const conflict = (action: string, state: ProjectionState) => {
  const current = state.rebuild?.phase ?? 'never rebuilt';
  const allowed = allowedNow(state);
  const next = allowed.length > 0 ? `Allowed now: ${allowed.join(', ')}` : 'Nothing can be asked for now';
  const message = `Cannot ${action} while the rebuild is ${current}. ${next}.`;
  return new CommandRejected('Conflict', message, { current_state: current, allowed_actions: allowed });
};
