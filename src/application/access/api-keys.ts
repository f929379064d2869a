/** API keys: `wfx_<id>_<secret>`. Of the secret only its hash is kept. */
import { hash, timingSafeEqual } from 'node:crypto';
import type { ApiKey, Directory } from '../../domain/access/directory.js';
import { Rights } from '../../domain/access/grants.js';
import { Unauthenticated, type Principal } from './principal.js';

export const KEY_PREFIX = 'wfx_';
const KEY = /^wfx_[a-z0-9]{12}_[A-Za-z0-9_-]{43}$/;

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
export const keyIdFor = (commandId: string): string => idOf(hash('sha256', `key ${commandId}`, 'buffer'));

/** @returns the key, to be shown once, and what is kept of it */
export const newKey = (random: RandomBytes, id = idOf(random(ID_LENGTH))): NewKey => {
  const secret = Buffer.from(random(SECRET_BYTES)).toString('base64url');
  return { id, secretHash: hashOfSecret(secret), key: `${KEY_PREFIX}${id}_${secret}` };
};

const hashOfSecret = (secret: string): string => hash('sha256', secret, 'hex');

/** What each request with a key needs of it. */
type Prepared = Readonly<{ principal: Principal; secretHash: Buffer; expiresAt: number }>;
const prepared = new WeakMap<ApiKey, Prepared>();

const prepare = (key: ApiKey): Prepared => {
  const actor = { type: 'service', id: key.name, issuer: KEYS_ISSUER, via: 'key', verified: true } as const;
  const made: Prepared = {
    principal: { actor, rights: new Rights(key.grants), credential: { kind: 'key', id: key.id } },
    secretHash: Buffer.from(key.secretHash, 'hex'),
    expiresAt: key.expiresAt === null ? Infinity : Date.parse(key.expiresAt),
  };
  prepared.set(key, made);
  return made;
};

const preparedOf = (key: ApiKey): Prepared => prepared.get(key) ?? prepare(key);

/** The service that holds a key. */
export const principalOfKey = (key: ApiKey): Principal => preparedOf(key).principal;

/** Compared with where there is no such key, so that this takes as long. */
const NO_HASH = Buffer.alloc(32);

/**
 * @param presented what begins with `wfx_`
 * @throws Unauthenticated; an unknown key and a wrong secret are answered alike
 */
export const keyPresented = (presented: string, { keys }: Directory, now: Date): ApiKey => {
  if (!KEY.test(presented)) throw refused('the API key is malformed: expected wfx_<12 characters>_<43 characters>');
  const key = keys.get(presented.slice(KEY_PREFIX.length, KEY_PREFIX.length + ID_LENGTH));
  const secret = presented.slice(KEY_PREFIX.length + ID_LENGTH + 1);
  const isRight = timingSafeEqual(hash('sha256', secret, 'buffer'), key ? preparedOf(key).secretHash : NO_HASH);
  if (!key || !isRight) throw refused('the API key is not known here');
  if (key.revokedAt !== null) throw refused('the API key was revoked');
  if (now.getTime() >= preparedOf(key).expiresAt) throw refused('the API key has expired');
  return key;
};

const refused = (why: string): Unauthenticated => new Unauthenticated('CREDENTIALS_REFUSED', `Credentials: ${why}`);
