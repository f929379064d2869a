/** What is signed now and then: how many events there were, and the root of the tree over them. A storage contract. */
import { createPublicKey, verify, type KeyObject } from 'node:crypto';
import { z } from 'zod';
import { canonicalJson } from '../../domain/json.js';
import { hashOf } from '../hash.js';

const hex = z.string().regex(/^[0-9a-f]{64}$/);
const shape = z.strictObject({
  format: z.literal('workflow-executor/checkpoint/1'),
  /** From 0: also the revision in the checkpoints' own stream. */
  number: z.int().nonnegative(),
  tree_size: z.int().positive(),
  root: hex,
  /** Of the last event in the tree. */
  position: z.string().regex(/^\d+$/),
  at: z.iso.datetime(),
  /** SHA-256 of the public key's SPKI. */
  key_id: hex,
  /** SHA-256 of the checkpoint before, signature included; null in the first. */
  previous: hex.nullable(),
});
const signedShape = shape.extend({ signature: z.string().min(1) });

export type Checkpoint = z.output<typeof shape>;
/** `signature`: Ed25519 over `signedText`, base64. */
export type SignedCheckpoint = z.output<typeof signedShape>;

/** @throws where it is none */
export const readCheckpoint = (value: unknown): SignedCheckpoint => signedShape.parse(value);

export const signedText = ({ signature: _made, ...checkpoint }: Checkpoint & { signature?: string }): string =>
  canonicalJson(checkpoint);

export const checkpointHash = (checkpoint: SignedCheckpoint): string => hashOf(checkpoint);

export const isSignedBy = (checkpoint: SignedCheckpoint, publicKey: string | KeyObject): boolean => {
  const key = typeof publicKey === 'string' ? createPublicKey(publicKey) : publicKey;
  return verify(null, Buffer.from(signedText(checkpoint)), key, Buffer.from(checkpoint.signature, 'base64'));
};

/** Who signs. The private key does not leave it. */
export abstract class CheckpointSigner {
  /** SHA-256 (hex) of the public key's SPKI. */
  abstract readonly keyId: string;
  /** PEM. */
  abstract readonly publicKey: string;
  /** Ed25519, base64. */
  abstract sign(text: string): string;
}

/** The same checkpoints where whoever can write to the log and to the database cannot: a file that only grows. */
export abstract class OutsideCheckpoints {
  /** Mends what a crash left in the middle of a line. Null where there is none yet. */
  abstract last(): Promise<SignedCheckpoint | null>;
  /** They are on disk when it resolves. */
  abstract append(checkpoints: readonly SignedCheckpoint[]): Promise<void>;
  /** Line by line from the first; a line that is no checkpoint as its text. Null where there is no such file. */
  abstract all(): Promise<AsyncIterable<SignedCheckpoint | string> | null>;
}
