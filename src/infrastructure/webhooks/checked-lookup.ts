import { lookup, type LookupAddress, type LookupOptions } from 'node:dns';
import type { LookupFunction } from 'node:net';
import { isPublicAddress } from './address-ranges.js';

export class TargetRefused extends Error {
  readonly code = 'TARGET_NOT_ALLOWED';
}

type Resolve = (
  host: string,
  options: LookupOptions & { all: true },
  done: (error: NodeJS.ErrnoException | null, addresses: LookupAddress[]) => void,
) => void;

/**
 * A lookup for connections that are about to be made: where one of a name's addresses is not public, none is used. The
 * connection goes to what was checked, so that a name cannot mean something else a moment later.
 */
export const checkedLookup =
  (resolve: Resolve = lookup): LookupFunction =>
  (host, options, done) => {
    resolve(host, { ...options, all: true }, (error, addresses) => {
      if (error) return done(error, '');
      const refused = addresses.length === 0 || addresses.some(({ address }) => !isPublicAddress(address));
      if (refused) return done(new TargetRefused(refusal(host)), '');
      if (options.all) return done(null, addresses);
      const [first] = addresses;
      done(null, first!.address, first!.family);
    });
  };

export const refusal = (host: string): string =>
  `expected a host on the public internet, ${host} is or leads to an address that is not. ` +
  'WEBHOOK_ALLOW_PRIVATE_TARGETS=true allows it';
