/** What the leader signs now and then: how many events there are, and the root of the tree over them. A storage contract. */
import { createPublicKey, verify, type KeyObject } from 'node:crypto';
import { z } from 'zod';
import { canonicalJson } from '../../domain/json.js';
import { hashOf } from '../log/event-hash.js';

const hex = z.string().regex(/^[0-9a-f]{64}$/);
const spki = z.base64().max(200);
const shape = z.strictObject({
  format: z.literal('workflow-executor/checkpoint/1'),
  /** From 0. It stands at that revision in the stream of tree heads, or at a later one behind foreign events. */
  number: z.int().nonnegative(),
  tree_size: z.int().positive(),
  root: hex,
  /** Of the last event in the tree. */
  position: z.string().regex(/^\d+$/),
  at: z.iso.datetime(),
  /** SHA-256 of the public key's SPKI. */
  key_id: hex,
  /** SHA-256 of the tree head before, signature included; null in the first. */
  previous: hex.nullable(),
  /**
   * Where the key changes: the public keys (SPKI, base64) of the key that signs this tree head and of the key that signs
   * the next. So the old key names the new one, in the line that nobody can reorder.
   */
  key_change: z.strictObject({ from: spki, to: spki }).optional(),
  /**
   * Where the log was moved: the events of this tree were recorded in another log and stand in this one, in the same order, as
   * a copy. `from`: the position of the last of them there; `position` is the one that it has here.
   */
  move: z.strictObject({ from: z.string().regex(/^\d+$/) }).optional(),
});
const signedShape = shape.extend({ signature: z.string().min(1) });

type TreeHead = z.output<typeof shape>;
export type KeyChange = NonNullable<TreeHead['key_change']>;
/** What a tree head may say besides. */
export type TreeHeadNews = Readonly<Pick<TreeHead, 'key_change' | 'move'>>;
/** `signature`: Ed25519 over `signedText`, base64. */
export type SignedTreeHead = z.output<typeof signedShape>;

/** @throws where it is none */
export const readTreeHead = (value: unknown): SignedTreeHead => signedShape.parse(value);

export const signedText = ({ signature: _made, ...head }: TreeHead & { signature?: string }): string =>
  canonicalJson(head);

/** How many events, from the first on, signed moves cover: only those may stand elsewhere than where they were recorded. */
export const movedSize = (trusted: readonly SignedTreeHead[]): number =>
  Math.max(0, ...trusted.flatMap(({ move, tree_size: size }) => (move ? [size] : [])));

export const treeHeadHash = (head: SignedTreeHead): string => hashOf(head);

export const isSignedBy = (head: SignedTreeHead, publicKey: string | KeyObject): boolean => {
  const key = typeof publicKey === 'string' ? createPublicKey(publicKey) : publicKey;
  // With a key that cannot sign at all the comparison would throw, and a planted one must not end a verification.
  if (key.asymmetricKeyType !== 'ed25519') return false;
  return verify(null, Buffer.from(signedText(head)), key, Buffer.from(head.signature, 'base64'));
};

/** Who signs. The private key does not leave it. */
export interface TreeHeadSigner {
  /** SHA-256 (hex) of the public key's SPKI. */
  readonly keyId: string;
  /** PEM. */
  readonly publicKey: string;
  /** Ed25519, base64. */
  sign(text: string): string;
}

/** The same tree heads where a writer of the log and the database cannot write: a file that only grows. */
export interface OutsideTreeHeads {
  /** The tree head with the largest number. Null where there is none yet. */
  last(): Promise<SignedTreeHead | null>;
  /**
   * They are on disk when it resolves, each once. Nothing fences a file: a writer that stood still may come late, when
   * another has written the same and more. So each has its one place, and what stands there already is left as it is.
   * @param checkpoints by number, without gaps, from the first on that may be missing
   * @throws where something else stands in that place, or what comes before it is missing
   */
  append(heads: readonly SignedTreeHead[]): Promise<void>;
  /**
   * Line by line from the first; a line that is no tree head as its text. What stands after the last line's end is not
   * yet a line: it is being written, or a crash cut it short. Null where there is no such file.
   */
  all(): Promise<AsyncIterable<SignedTreeHead | string> | null>;
}
