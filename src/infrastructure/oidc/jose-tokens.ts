/** Tokens of the provider, checked by its keys. */
import { createHash } from 'node:crypto';
import { createLocalJWKSet, decodeProtectedHeader, errors, jwtVerify, type JSONWebKeySet } from 'jose';
import { Unauthenticated } from '../../application/access/principal.js';
import { AccessTokens, type VerifiedToken } from '../../application/access/provider.js';
import type { Clock } from '../../application/runtime/clock.js';
import { isSubject } from '../../domain/access/claims.js';
import type { ProviderDocuments } from './provider-documents.js';

/** Signatures by a key pair alone: what is "signed" by a shared secret or by nothing is nobody's. */
const ALGORITHMS = ['RS256', 'PS256', 'ES256', 'EdDSA'];
const LONGEST_TOKEN = 8 * 1024;
const SKEW_S = 60;

type Documents = Pick<ProviderDocuments, 'keys' | 'newerKeys'>;
type Expected = Readonly<{ issuer: string; audience: string }>;

export class JoseAccessTokens extends AccessTokens {
  /** By the hash of the token: a process's memory holds no list of credentials. */
  private readonly verified = new Map<string, VerifiedToken>();
  private keysSeen: JSONWebKeySet | null = null;

  constructor(
    private readonly documents: Documents,
    private readonly expected: Expected,
    private readonly clock: Clock,
    private readonly remembered = 10_000,
  ) {
    super();
  }

  async verify(token: string): Promise<VerifiedToken> {
    if (token.length > LONGEST_TOKEN) throw refused(`it is longer than ${LONGEST_TOKEN} characters`);
    const hash = createHash('sha256').update(token).digest('base64');
    const known = await this.known(hash);
    if (known && known.expiresAt > this.clock.now()) return known;
    this.verified.delete(hash);
    const {
      token: verified,
      isIdToken,
      keys,
    } = await verifiedBy(this.documents, token, this.expected, this.clock.now());
    if (isIdToken)
      throw refused('it is an ID token, which says who signed in and lets nobody in: send an access token');
    this.keep(hash, verified, keys);
    return verified;
  }

  private async known(hash: string): Promise<VerifiedToken | undefined> {
    const known = this.verified.get(hash);
    // A token counts no longer than its key: with other keys, each is checked anew.
    return known && (await this.documents.keys()) === this.keysSeen ? known : undefined;
  }

  private keep(hash: string, token: VerifiedToken, keys: JSONWebKeySet): void {
    if (keys !== this.keysSeen) this.verified.clear();
    this.keysSeen = keys;
    if (this.verified.size >= this.remembered) this.verified.delete(this.verified.keys().next().value!);
    this.verified.set(hash, token);
  }
}

type Verified = Readonly<{ token: VerifiedToken; isIdToken: boolean; keys: JSONWebKeySet }>;

/** @throws Unauthenticated with the rule that the token broke, NotReady */
export const verifiedBy = async (
  documents: Documents,
  token: string,
  { issuer, audience }: Expected,
  now: Date,
): Promise<Verified> => {
  const { key, keys } = await keyFor(documents, headerOf(token));
  const rules = { issuer, audience, algorithms: ALGORITHMS, clockTolerance: SKEW_S, currentDate: now };
  const required = { requiredClaims: ['iss', 'aud', 'sub', 'exp', 'iat'] };
  const { payload: claims } = await jwtVerify(token, key, { ...rules, ...required }).catch((error: unknown) => {
    throw refusalFor(error);
  });
  const { sub: subject, exp, iat } = claims;
  if (iat! > now.getTime() / 1000 + SKEW_S) throw refused('it was issued in the future');
  if (!isSubject(subject)) throw refused('its subject is not 1 to 255 visible characters');
  const expiresAt = new Date((exp! + SKEW_S) * 1000);
  const isIdToken = 'nonce' in claims || 'at_hash' in claims;
  return { token: { issuer, subject, claims, expiresAt }, isIdToken, keys };
};

type Header = Readonly<{ alg?: string; kid?: string }>;

const headerOf = (token: string): Header => {
  let header: Header;
  try {
    if (token.split('.').length !== 3) throw new Error('no signed token');
    header = decodeProtectedHeader(token);
  } catch {
    throw refused('it is malformed: expected a signed JSON Web Token');
  }
  if (header.alg === 'none') throw refused('it is not signed (algorithm none)');
  if (!ALGORITHMS.includes(header.alg ?? ''))
    throw refused(`its algorithm is not accepted: expected one of ${ALGORITHMS.join(', ')}`);
  return header;
};

/** A key that is not known may be new: the provider is asked once. @throws NotReady, Unauthenticated */
const keyFor = async (documents: Documents, header: Header) => {
  const keys = await documents.keys();
  const known = await keyIn(keys, header);
  if (known) return { key: known, keys };
  const newer = await documents.newerKeys();
  const key = await keyIn(newer, header);
  if (!key) throw refused('its key is not one of the provider');
  return { key, keys: newer };
};

/** Each imports a key once. */
const resolvers = new WeakMap<JSONWebKeySet, ReturnType<typeof createLocalJWKSet>>();

const resolverOf = (keys: JSONWebKeySet) => {
  const resolver = resolvers.get(keys) ?? createLocalJWKSet(keys);
  resolvers.set(keys, resolver);
  return resolver;
};

const keyIn = async (keys: JSONWebKeySet, { alg, kid }: Header) => {
  try {
    return await resolverOf(keys)({ alg: alg!, ...(kid === undefined ? {} : { kid }) });
  } catch (error) {
    if (error instanceof errors.JOSEError) return null;
    throw error;
  }
};

const BY_CLAIM: Readonly<Record<string, string>> = {
  iss: 'it is of another issuer',
  aud: 'it is for another audience',
  nbf: 'it is not valid yet',
};

const refusalFor = (error: unknown): unknown => {
  if (error instanceof errors.JWTExpired) return refused('it has expired');
  if (error instanceof errors.JWTClaimValidationFailed) {
    const { claim, reason } = error;
    if (reason === 'missing') return refused(`it has no claim ${claim}`);
    return refused((reason === 'check_failed' ? BY_CLAIM[claim] : undefined) ?? `its claim ${claim} is malformed`);
  }
  if (error instanceof errors.JWSSignatureVerificationFailed) return refused('its signature is wrong');
  if (error instanceof errors.JOSEError) return refused('it is malformed: expected a signed JSON Web Token');
  return error;
};

const refused = (why: string): Unauthenticated =>
  new Unauthenticated('CREDENTIALS_REFUSED', `Credentials: the token is refused: ${why}`);
