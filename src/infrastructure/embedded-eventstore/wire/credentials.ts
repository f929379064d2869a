/** Who may call the node: each process that has the secret of the installation, which is in the node's own database. */
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import { ServerInterceptingCall, type ServerInterceptor } from '@grpc/grpc-js';
import { unauthenticated } from './errors.js';

/** The only user there is. */
const USER = 'executor';
const BYTES = 32;

export const newSecret = (): string => randomBytes(BYTES).toString('base64url');

/** @param address `esdb://host:port?...` */
export const withCredentials = (address: string, secret: string): string =>
  address.replace('://', `://${USER}:${encodeURIComponent(secret)}@`);

/** Before anything of a call is looked at, whichever service it is for. */
export const authenticated = (secrets: readonly string[]): ServerInterceptor => {
  const expected = secrets.map((secret) => digestOf(`${USER}:${secret}`));
  return (_method, call) =>
    new ServerInterceptingCall(call, {
      start: (next) =>
        next({
          onReceiveMetadata: (metadata, go) => {
            if (isKnown(metadata.get('authorization')[0], expected)) go(metadata);
            else call.sendStatus(unauthenticated());
          },
        }),
    });
};

const isKnown = (header: string | Buffer | undefined, expected: readonly Buffer[]): boolean => {
  const [, encoded] = /^Basic ([\w+/=-]+)$/i.exec(String(header ?? '')) ?? [];
  if (encoded === undefined) return false;
  const given = digestOf(Buffer.from(encoded, 'base64').toString('utf8'));
  // Each is compared, and in the same time whatever was given: of equal length, as hashes.
  return expected.map((digest) => timingSafeEqual(digest, given)).includes(true);
};

const digestOf = (text: string): Buffer => createHash('sha256').update(text).digest();
