import type { TreeHeadSigner, SignedTreeHead } from './signed-tree-head.js';
import { keyIdOf, publicKeyOf } from './keys.js';

/** The key that has to sign what comes after this checkpoint. */
export const keyAfter = ({ key_change: change, key_id: id }: SignedTreeHead): string =>
  change ? keyIdOf(publicKeyOf(change.to)) : id;

/** The key of this instance is not the one that has to sign what comes next. */
export class KeyNotAllowed extends Error {}

type Signed = Readonly<{
  /** The last that was signed; null where nothing was yet. */
  last: SignedTreeHead | null;
  /** Those in which a key names the next one, by number. */
  changes: readonly SignedTreeHead[];
}>;

/**
 * Another key does not silently take the place of the one before it: that one names it, or an operator does.
 * @throws KeyNotAllowed
 */
export const mustBeAllowed = (
  { keyId }: TreeHeadSigner,
  pins: ReadonlySet<string>,
  { last, changes }: Signed,
): void => {
  const expected = last && keyAfter(last);
  const isOver = keyId !== expected && changes.some(({ key_id: before }) => before === keyId);
  if (isOver)
    throw new KeyNotAllowed(
      `The signing key ${keyId} has named a successor and signs nothing any more: expected the key ${expected}. ` +
        'Give this instance the new key (AUDIT_SIGNING_KEY, or DATA_DIR/audit) and start it again; ' +
        'where `npm run audit -- change-key` was interrupted, run it again',
    );
  if (expected !== null && keyId !== expected && !pins.has(keyId))
    throw new KeyNotAllowed(
      `The signing key: expected ${expected}, with which this log is signed, got ${keyId}. ` +
        'Put the old key back and have it name the new one: `npm run audit -- change-key`. ' +
        `If the old one is lost, say that you vouch for both: AUDIT_TRUSTED_KEYS=${expected},${keyId}`,
    );
  if (pins.size > 0 && !reached(pins, changes).has(keyId))
    throw new KeyNotAllowed(
      `AUDIT_TRUSTED_KEYS: expected the signing key ${keyId}, or one that has led to it, among ${[...pins].join(', ')}. ` +
        'Pin the key that signs, or sign with the one that is pinned',
    );
};

const reached = (pins: ReadonlySet<string>, changes: readonly SignedTreeHead[]): ReadonlySet<string> => {
  const all = new Set(pins);
  for (const change of changes) if (all.has(change.key_id)) all.add(keyAfter(change));
  return all;
};
