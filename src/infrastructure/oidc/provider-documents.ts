/** What the provider says of itself: its addresses and its keys. */
import type { JSONWebKeySet } from 'jose';
import type { ServerMetadata } from 'openid-client';
import type { Clock } from '../../application/runtime/clock.js';
import type { OnError } from '../../application/runtime/errors.js';
import { Kept } from './kept.js';
import type { ProviderHttp } from './provider-http.js';

/** `pauseMs`: a key that is not known costs the provider one request in that time, however many tokens name such keys. */
const METADATA = { staleMs: 3_600_000, pauseMs: 10_000, retryMs: 2_000 };
const KEYS = { staleMs: 600_000, pauseMs: 10_000, retryMs: 2_000 };

const LOOPBACK = /^(localhost|127(\.\d{1,3}){3}|\[::1\])$/;

/** What goes over the network in clear is nobody's proof; of this machine alone it is. */
export const isProviderAddress = (url: string): boolean => {
  if (!URL.canParse(url)) return false;
  const { protocol, hostname, username, password } = new URL(url);
  if (username !== '' || password !== '') return false;
  return protocol === 'https:' || (protocol === 'http:' && LOOPBACK.test(hostname));
};

export class ProviderDocuments {
  private readonly metadata: Kept<ServerMetadata>;
  private readonly keySet: Kept<JSONWebKeySet>;

  constructor(issuer: string, http: ProviderHttp, clock: Clock, onError: OnError) {
    const wellKnown = `${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`;
    const discover = async () => metadataOf(await http.json(wellKnown), issuer);
    const keys = async () => keySetOf(await http.json((await this.metadata.get()).jwks_uri!));
    this.metadata = new Kept({ what: 'addresses', fetch: discover }, clock, METADATA, onError);
    this.keySet = new Kept({ what: 'keys', fetch: keys }, clock, KEYS, onError);
  }

  /** @throws NotReady */
  addresses(): Promise<ServerMetadata> {
    return this.metadata.get();
  }

  /** @throws NotReady */
  keys(): Promise<JSONWebKeySet> {
    return this.keySet.get();
  }

  /** @throws NotReady */
  newerKeys(): Promise<JSONWebKeySet> {
    return this.keySet.newer();
  }
}

const ADDRESSES = ['authorization_endpoint', 'token_endpoint', 'jwks_uri'];
const OPTIONAL_ADDRESSES = ['userinfo_endpoint'];

/** @throws Error for a document of another issuer, or with addresses that are none */
const metadataOf = (document: Readonly<Record<string, unknown>>, issuer: string): ServerMetadata => {
  if (document['issuer'] !== issuer)
    throw new Error(`OIDC_ISSUER: expected the issuer that the provider names, got another: set it to what it names`);
  const isRight = (name: string) => typeof document[name] === 'string' && isProviderAddress(document[name]);
  const wrong = [
    ...ADDRESSES.filter((name) => !isRight(name)),
    ...OPTIONAL_ADDRESSES.filter((name) => document[name] !== undefined && !isRight(name)),
  ];
  if (wrong.length > 0)
    throw new Error(`The provider's configuration: expected https addresses in ${wrong.join(', ')}`);
  return document as unknown as ServerMetadata;
};

const keySetOf = (document: Readonly<Record<string, unknown>>): JSONWebKeySet => {
  const { keys } = document;
  const isKey = (key: unknown) => typeof key === 'object' && key !== null && 'kty' in key;
  if (!Array.isArray(keys)) throw new Error('The keys of the provider: expected a list `keys`, got none');
  return { keys: keys.filter(isKey) as JSONWebKeySet['keys'] };
};
