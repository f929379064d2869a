/** The keys that an operator vouches for: given, and never looked for in the data folder. */
import { createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { keyIdOf, type TrustedKeys } from '../../application/audit/keys.js';

const FINGERPRINT = /^(?:sha256:)?([0-9a-f]{64})$/i;
const PEM = /-----BEGIN PUBLIC KEY-----[^-]+-----END PUBLIC KEY-----/g;

/**
 * @param given fingerprints (SHA-256 of the SPKI, hex), public keys (PEM, or SPKI in base64), or files with any of them
 * @param setting where they were given, for messages
 * @throws where one is none of these
 */
export const readTrustedKeys = async (given: readonly string[], setting: string): Promise<TrustedKeys> => {
  const [pins, known] = [new Set<string>(), new Map<string, KeyObject>()];
  for (const one of given) {
    const found = keysIn(one) ?? keysIn(await readFile(one, 'utf8').catch(() => ''));
    if (!found) {
      const expected = 'a fingerprint (64 hex digits), an Ed25519 public key, or a file with either';
      throw new Error(`${setting}: expected ${expected}; got ${shown(one)}`);
    }
    for (const { id, key } of found) {
      pins.add(id);
      if (key) known.set(id, key);
    }
  }
  return { pins, known };
};

/** Who gives the wrong key of a pair is not to find it in a log. */
const shown = (given: string): string => {
  const isPrivate = given.includes('PRIVATE') || givenPrivately(given);
  return isPrivate ? 'a private key: give its public half' : `"${given.slice(0, 80)}"`;
};

const givenPrivately = (text: string): boolean => {
  try {
    createPrivateKey({ key: Buffer.from(text, 'base64'), format: 'der', type: 'pkcs8' });
    return true;
  } catch {
    return false;
  }
};

type Found = Readonly<{ id: string; key?: KeyObject }>;

const keysIn = (text: string): readonly Found[] | undefined => {
  const pems = text.replaceAll('\\n', '\n').match(PEM);
  if (pems) return whole(pems.map(keyIn));
  const words = text
    .split('\n')
    .map((line) => line.replace(/#.*/, '').trim())
    .filter((line) => line !== '');
  return words.length === 0 ? undefined : whole(words.map((word) => fingerprintIn(word) ?? keyIn(word)));
};

const fingerprintIn = (word: string): Found | undefined => {
  const [, id] = FINGERPRINT.exec(word) ?? [];
  return id ? { id: id.toLowerCase() } : undefined;
};

const keyIn = (text: string): Found | undefined => {
  try {
    const key = text.startsWith('-----')
      ? createPublicKey(text)
      : createPublicKey({ key: Buffer.from(text, 'base64'), format: 'der', type: 'spki' });
    return key.asymmetricKeyType === 'ed25519' ? { id: keyIdOf(key), key } : undefined;
  } catch {
    return undefined;
  }
};

const whole = (found: readonly (Found | undefined)[]): readonly Found[] | undefined =>
  found.every((each) => each !== undefined) ? found : undefined;
