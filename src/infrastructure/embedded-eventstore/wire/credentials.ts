/** Who may call the node: each process that has the secret of the installation, which is in the node's own database; and as whom. */
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import { ServerInterceptingCall, type Metadata, type ServerInterceptor } from '@grpc/grpc-js';
import { unauthenticated } from './errors.js';

/** The group that may do everything. */
export const ADMINS = '$admins';

/** The application's own user, and the two that EventStoreDB begins with. All have the installation's secret. */
const USER = 'executor';
const GROUPS: Readonly<Record<string, readonly string[]>> = { [USER]: [ADMINS], admin: [ADMINS], ops: ['$ops'] };

export type Caller = Readonly<{ name: string; groups: readonly string[] }>;

/** Who calls, of a call that was let in. */
export function callerOf(metadata: Metadata): Caller {
  const [name = ''] = (credentialsIn(metadata) ?? '').split(':');
  return { name, groups: GROUPS[name] ?? [] };
}

const BYTES = 32;

export const newSecret = (): string => randomBytes(BYTES).toString('base64url');

/** @param address `esdb://host:port?...` */
export const withCredentials = (address: string, secret: string): string =>
  address.replace('://', `://${USER}:${encodeURIComponent(secret)}@`);

/** Before anything of a call is looked at, whichever service it is for. */
export const authenticated = (secrets: readonly string[]): ServerInterceptor => {
  const expected = Object.keys(GROUPS).flatMap((user) => secrets.map((secret) => digestOf(`${user}:${secret}`)));
  return (_method, call) =>
    new ServerInterceptingCall(call, {
      start: (next) =>
        next({
          onReceiveMetadata: (metadata, go) => {
            if (isKnown(credentialsIn(metadata), expected)) go(metadata);
            else call.sendStatus(unauthenticated());
          },
        }),
    });
};

const credentialsIn = (metadata: Metadata): string | undefined => {
  const [, encoded] = /^Basic ([\w+/=-]+)$/i.exec(String(metadata.get('authorization')[0] ?? '')) ?? [];
  return encoded === undefined ? undefined : Buffer.from(encoded, 'base64').toString('utf8');
};

const isKnown = (credentials: string | undefined, expected: readonly Buffer[]): boolean => {
  if (credentials === undefined) return false;
  const given = digestOf(credentials);
  // Each is compared, and in the same time whatever was given: of equal length, as hashes.
  return expected.map((digest) => timingSafeEqual(digest, given)).includes(true);
};

const digestOf = (text: string): Buffer => createHash('sha256').update(text).digest();
