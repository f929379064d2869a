import { allowedActions } from '../../domain/workflow/allowed-actions.js';
import { OtherRevision } from '../runtime/errors.js';
import type { Folded } from './fold-cache.js';

/** That there is no execution at all is the decider's to say. @throws OtherRevision */
export const requireRevision = (onlyAt: bigint | null, { revision, state }: Folded): void => {
  if (onlyAt === null || state.status === 'none' || revision === onlyAt) return;
  throw new OtherRevision(`The execution is at revision ${revision}, not at ${onlyAt}: nothing was done`, {
    requested_revision: onlyAt.toString(),
    actual_revision: revision.toString(),
    allowed_actions: allowedActions(state),
  });
};
