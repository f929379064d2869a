/** API keys: `wfx_<id>_<secret>`. Of the secret only its hash is kept. */
import { createHash, timingSafeEqual } from 'node:crypto';
import { isKeyValid, type ApiKey, type Directory } from '../../domain/access/directory.js';
import { Rights } from '../../domain/access/grants.js';
import { Unauthenticated, type Principal } from './principal.js';

export const KEY_PREFIX = 'wfx_';
const KEY = /^wfx_([a-z0-9]{12})_([A-Za-z0-9_-]{43})$/;

/** Of an id; the secret has 256 bits. */
const ID_CHARACTERS = 'abcdefghijklmnopqrstuvwxyz234567';
const [ID_LENGTH, SECRET_BYTES] = [12, 32];

/** The issuer of services that hold a key of this installation. */
export const KEYS_ISSUER = 'keys';

export type NewKey = Readonly<{ id: string; secretHash: string; key: string }>;

/** So many random bytes, unpredictable to anyone. */
export type RandomBytes = (bytes: number) => Uint8Array;

const idOf = (bytes: Uint8Array): string =>
  [...bytes.subarray(0, ID_LENGTH)].map((byte) => ID_CHARACTERS[byte % ID_CHARACTERS.length]).join('');

/** A request that is repeated means the same key. */
export const keyIdFor = (commandId: string): string => idOf(createHash('sha256').update(`key ${commandId}`).digest());

/** @returns the key, to be shown once, and what is kept of it */
export const newKey = (random: RandomBytes, id = idOf(random(ID_LENGTH))): NewKey => {
  const secret = Buffer.from(random(SECRET_BYTES)).toString('base64url');
  return { id, secretHash: hashOfSecret(secret), key: `${KEY_PREFIX}${id}_${secret}` };
};

const hashOfSecret = (secret: string): string => createHash('sha256').update(secret).digest('hex');

const rights = new WeakMap<ApiKey, Rights>();

const rightsOf = (key: ApiKey): Rights => {
  const known = rights.get(key) ?? new Rights(key.grants);
  rights.set(key, known);
  return known;
};

/** The service that holds a key. */
export const principalOfKey = (key: ApiKey): Principal => ({
  actor: { type: 'service', id: key.name, issuer: KEYS_ISSUER, via: 'key', verified: true },
  rights: rightsOf(key),
  credential: { kind: 'key', id: key.id },
});

/**
 * @param presented what begins with `wfx_`
 * @throws Unauthenticated; an unknown key and a wrong secret are answered alike
 */
export const keyPresented = (presented: string, { keys }: Directory, now: Date): ApiKey => {
  const [, id = '', secret = ''] = KEY.exec(presented) ?? [];
  if (id === '') throw refused('the API key is malformed: expected wfx_<12 characters>_<43 characters>');
  const key = keys.get(id);
  const isRight = timingSafeEqual(
    Buffer.from(hashOfSecret(secret), 'hex'),
    Buffer.from(key?.secretHash ?? '0'.repeat(64), 'hex'),
  );
  if (!key || !isRight) throw refused('the API key is not known here');
  if (key.revokedAt !== null) throw refused('the API key was revoked');
  if (!isKeyValid(key, now.toISOString())) throw refused('the API key has expired');
  return key;
};

const refused = (why: string): Unauthenticated => new Unauthenticated('CREDENTIALS_REFUSED', `Credentials: ${why}`);
