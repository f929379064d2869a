import type { AuditSession } from './audit-tree.js';
import type { CheckpointSigner } from './checkpoint.js';
import { Checkpoints, type CheckpointsPorts } from './checkpoints.js';

/**
 * Has the key of `ports` name the next one, which signs a checkpoint at once. What an earlier try has done is not done again.
 * @returns false where nothing is signed yet: then there is nobody to name it, and it can just take the place
 * @throws where the key of `ports` may not sign
 */
export const changeKey = async (
  ports: CheckpointsPorts,
  session: AuditSession,
  next: CheckpointSigner,
): Promise<boolean> => {
  const asNext = await Checkpoints.read({ ...ports, signer: next, pins: new Set([next.keyId]) }, session);
  if (asNext.nextKey === null) return false;
  if (asNext.nextKey !== next.keyId) await (await Checkpoints.read(ports, session)).changeKey(next);
  return true;
};
