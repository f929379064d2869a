import type { AuditLease } from './audit-tree.js';
import type { TreeHeadSigner } from './signed-tree-head.js';
import { TreeHeadChain, type TreeHeadDependencies } from './tree-head-chain.js';

/**
 * Has the key of `ports` name the next one, which signs a checkpoint at once. What an earlier try has done is not done again.
 * @returns false where nothing is signed yet: then there is nobody to name it, and it can just take the place
 * @throws where the key of `ports` may not sign
 */
export const changeKey = async (
  ports: TreeHeadDependencies,
  session: AuditLease,
  next: TreeHeadSigner,
): Promise<boolean> => {
  const asNext = await TreeHeadChain.read({ ...ports, signer: next, pins: new Set([next.keyId]) }, session);
  if (asNext.nextKey === null) return false;
  if (asNext.nextKey !== next.keyId) await (await TreeHeadChain.read(ports, session)).changeKey(next);
  return true;
};
