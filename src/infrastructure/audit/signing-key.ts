import { createPrivateKey, createPublicKey, generateKeyPairSync, randomUUID, sign, type KeyObject } from 'node:crypto';
import { link, mkdir, open, readdir, readFile, rename, unlink } from 'node:fs/promises';
import path from 'node:path';
import type { TreeHeadSigner } from '../../application/audit/signed-tree-head.js';
import { keyIdOf, type TrustedKeys } from '../../application/audit/keys.js';

/** The private key in the directory that signs, and the one that is made to be the next. */
const [OWN, NEXT] = ['signing-key.pem', 'signing-key.next.pem'] as const;

/** Ed25519. */
export class KeySigner implements TreeHeadSigner {
  readonly keyId: string;
  readonly publicKey: string;
  readonly #key: KeyObject;

  /** @throws where it is not an Ed25519 private key */
  constructor(key: KeyObject) {
    if (key.asymmetricKeyType !== 'ed25519')
      throw new Error(`AUDIT_SIGNING_KEY: expected an Ed25519 private key, got ${key.asymmetricKeyType}`);
    const publicKey = createPublicKey(key);
    this.#key = key;
    this.keyId = keyIdOf(publicKey);
    this.publicKey = publicKey.export({ type: 'spki', format: 'pem' }).toString();
  }

  sign(text: string): string {
    return sign(null, Buffer.from(text), this.#key).toString('base64');
  }
}

/**
 * The key that is given (PEM, base64 of PKCS #8, or a file with either), or that of the directory, made where there is none.
 * Its public half is left in `keys/` beside it, so that what it has signed can be checked when another has taken its place.
 */
export const openSigningKey = async (given: string | undefined, directory: string): Promise<TreeHeadSigner> => {
  await mkdir(path.join(directory, 'keys'), { recursive: true, mode: 0o700 });
  const signer = new KeySigner(given === undefined ? await ownKey(directory, OWN) : await givenKey(given));
  await leavePublicKey(directory, signer);
  return signer;
};

/** The key that is to take the place of the one that signs: that of the file, or one made for it, once. */
export const openNextKey = async (file: string | undefined, directory: string): Promise<TreeHeadSigner> => {
  const signer = new KeySigner(file === undefined ? await ownKey(directory, NEXT) : await givenKey(file));
  await leavePublicKey(directory, signer);
  return signer;
};

/** Puts the key that was made for it into the place of the one that signs, which is gone then. */
export const takeNextKey = (directory: string): Promise<void> =>
  rename(path.join(directory, NEXT), path.join(directory, OWN));

const leavePublicKey = (directory: string, { keyId, publicKey }: TreeHeadSigner): Promise<void> =>
  writeOnce(path.join(directory, 'keys', `${keyId}.pem`), publicKey, 0o644);

/** Public keys by their ids: those of the directory. Anybody may have put them there: they are known, and not trusted. */
export const knownKeys = async (directory: string): Promise<ReadonlyMap<string, KeyObject>> => {
  const names = await readdir(path.join(directory, 'keys')).catch(() => []);
  const pems = names
    .filter((name) => name.endsWith('.pem'))
    .map((name) => readFile(path.join(directory, 'keys', name)).catch(() => Buffer.alloc(0)));
  const keys = (await Promise.all(pems)).flatMap((pem) => publicKeyIn(pem) ?? []);
  return new Map(keys.map((key) => [keyIdOf(key), key]));
};

const publicKeyIn = (pem: Buffer): KeyObject | undefined => {
  try {
    const key = createPublicKey(pem);
    return key.asymmetricKeyType === 'ed25519' ? key : undefined;
  } catch {
    return undefined;
  }
};

const ownKey = async (directory: string, name: string): Promise<KeyObject> => {
  const file = path.join(directory, name);
  const made = generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
  await writeOnce(file, made, 0o600);
  const text = await readFile(file, 'utf8');
  const key = readable(text.trim());
  if (key) return key;
  const got = `${text.length} characters that are none`;
  throw new Error(
    `${file}: expected an Ed25519 private key, got ${got}. Put it back from a copy; without one, remove it`,
  );
};

const givenKey = async (given: string): Promise<KeyObject> => {
  const text = readable(given) ? given : await readFile(given, 'utf8').catch(() => '');
  const key = readable(text.trim());
  if (key) return key;
  throw new Error('AUDIT_SIGNING_KEY: expected an Ed25519 private key (PEM, or base64 of PKCS #8) or a file with one');
};

const readable = (text: string): KeyObject | undefined => {
  try {
    if (text.startsWith('-----BEGIN')) return createPrivateKey(text.replaceAll('\\n', '\n'));
    return createPrivateKey({ key: Buffer.from(text, 'base64'), format: 'der', type: 'pkcs8' });
  } catch {
    return undefined;
  }
};

/** On disk, and whole, when it is there at all. What another process has put there first, stays. */
const writeOnce = async (file: string, text: string, mode: number): Promise<void> => {
  const own = `${file}.${randomUUID()}.new`;
  const handle = await open(own, 'wx', mode);
  try {
    await handle.writeFile(text);
    await handle.sync();
    await handle.close();
    await link(own, file).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'EEXIST') throw error;
    });
  } finally {
    await handle.close().catch(() => undefined);
    await unlink(own);
  }
};

/** The keys that an operator vouches for: given, and never looked for in the data folder. */

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
