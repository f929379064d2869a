/** Whose signature counts: pinned keys, and those that they named as their successors. */
import { createHash, createPublicKey, type KeyObject } from 'node:crypto';
import { isSignedBy, type KeyChange, type SignedTreeHead, type TreeHeadSigner } from './signed-tree-head.js';

export type TrustedKeys = Readonly<{
  /** Ids that an operator vouches for. None: the key of the first tree head is assumed, and nothing counts as proven. */
  pins: ReadonlySet<string>;
  /** Public keys by id. Where they were found does not matter: an id is the hash of its key, and is not trusted by itself. */
  known: ReadonlyMap<string, KeyObject>;
}>;

/** The fingerprint of a key: SHA-256 (hex) of its SPKI. */
export const keyIdOf = (publicKey: KeyObject): string =>
  createHash('sha256')
    .update(publicKey.export({ type: 'spki', format: 'der' }))
    .digest('hex');

/** @param key SPKI, base64. @throws where it is none */
export const publicKeyOf = (key: string): KeyObject =>
  createPublicKey({ key: Buffer.from(key, 'base64'), format: 'der', type: 'spki' });

export const spkiOf = (publicKey: KeyObject | string): string => {
  const key = typeof publicKey === 'string' ? createPublicKey(publicKey) : publicKey;
  return key.export({ type: 'spki', format: 'der' }).toString('base64');
};

export type Judged =
  | 'trusted'
  /** The signature is right; no trusted key has named its key. */
  | 'untrusted'
  | 'wrong-signature'
  /** It may sign, and its public key is not known yet: one of the next ones may hold it. */
  | 'no-key';

/** Follows the keys through the tree heads, from the first to the last: a key that has named its successor is over. */
export class KeyWalk {
  /** The key that has to sign the next tree head; null before the first trusted one. */
  current: string | null = null;
  private readonly retired = new Set<string>();
  private readonly known: Map<string, KeyObject>;

  constructor(private readonly trusted: TrustedKeys) {
    this.known = new Map(trusted.known);
  }

  step(head: SignedTreeHead): Judged {
    const { key_id: id, key_change: change } = head;
    if (this.trusted.pins.size === 0) this.current ??= id;
    if (change && !this.learn(change, id)) return 'wrong-signature';
    const isTrusted = id === this.current || (this.trusted.pins.has(id) && !this.retired.has(id));
    const isSigned = this.isSigned(head);
    if (isSigned === false) return 'wrong-signature';
    if (!isTrusted) return 'untrusted';
    if (change) this.retired.add(id);
    this.current = change ? keyIdOf(publicKeyOf(change.to)) : id;
    return isSigned ? 'trusted' : 'no-key';
  }

  /** Undefined where its key is not known by now. */
  isSigned(head: SignedTreeHead): boolean | undefined {
    const key = this.known.get(head.key_id);
    return key && isSignedBy(head, key);
  }

  private learn({ from, to }: KeyChange, signer: string): boolean {
    try {
      const keys = [from, to].map(publicKeyOf);
      if (keyIdOf(keys[0]!) !== signer) return false;
      for (const key of keys) this.known.set(keyIdOf(key), key);
      return true;
    } catch {
      return false;
    }
  }
}

/** The key that has to sign the tree head after this one. */
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
