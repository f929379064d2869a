import type { CheckedPack } from '../../../application/audit/pack/audit-pack.js';

export type PackToCheck = Readonly<{ content: Uint8Array; keyId: string }>;

type Verifier = Readonly<{ findWrong: (zip: Buffer, trusted: readonly string[]) => string | null }>;

/** By the very file that lies in each pack. */
export const checkPack = async ({ content, keyId }: PackToCheck): Promise<CheckedPack> => {
  const { findWrong } = (await import(new URL('./verify.mjs', import.meta.url).href)) as Verifier;
  const zip = Buffer.from(content.buffer, content.byteOffset, content.byteLength);
  return { content, wrong: findWrong(zip, [keyId]) };
};
