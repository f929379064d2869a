import { createHash, createPrivateKey, createPublicKey, generateKeyPairSync, sign, type KeyObject } from 'node:crypto';
import { mkdir, open, readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { CheckpointSigner } from '../../application/audit/checkpoint.js';

/** Ed25519. */
export class KeySigner extends CheckpointSigner {
  readonly keyId: string;
  readonly publicKey: string;
  readonly #key: KeyObject;

  /** @throws where it is not an Ed25519 private key */
  constructor(key: KeyObject) {
    super();
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

export const keyIdOf = (publicKey: KeyObject): string =>
  createHash('sha256')
    .update(publicKey.export({ type: 'spki', format: 'der' }))
    .digest('hex');

/**
 * The key that is given (PEM, base64 of PKCS #8, or a file with either), or that of the directory, made where there is none.
 * Its public half is left in `keys/` beside it, so that what it has signed can be checked when another has taken its place.
 */
export const openSigningKey = async (given: string | undefined, directory: string): Promise<CheckpointSigner> => {
  await mkdir(path.join(directory, 'keys'), { recursive: true, mode: 0o700 });
  const signer = new KeySigner(given === undefined ? await ownKey(directory) : await givenKey(given));
  await writeOnce(path.join(directory, 'keys', `${signer.keyId}.pem`), signer.publicKey, 0o644);
  return signer;
};

/** Public keys by their ids: those of the directory. */
export const knownKeys = async (directory: string): Promise<ReadonlyMap<string, KeyObject>> => {
  const names = await readdir(path.join(directory, 'keys')).catch(() => []);
  const pems = names
    .filter((name) => name.endsWith('.pem'))
    .map((name) => readFile(path.join(directory, 'keys', name)));
  return new Map((await Promise.all(pems)).map((pem) => createPublicKey(pem)).map((key) => [keyIdOf(key), key]));
};

const ownKey = async (directory: string): Promise<KeyObject> => {
  const file = path.join(directory, 'signing-key.pem');
  const made = generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
  await writeOnce(file, made, 0o600);
  return createPrivateKey(await readFile(file));
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

/** On disk when it resolves. What another process has written there first, stays. */
const writeOnce = async (file: string, text: string, mode: number): Promise<void> => {
  const handle = await open(file, 'wx', mode).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'EEXIST') return undefined;
    throw error;
  });
  if (!handle) return;
  try {
    await handle.writeFile(text);
    await handle.sync();
  } finally {
    await handle.close();
  }
};
