import { lookup, type LookupAddress, type LookupOptions } from 'node:dns';
import type { LookupFunction } from 'node:net';
import { notPublic } from './target-rules.js';

export class TargetRefused extends Error {
  readonly code = 'TARGET_NOT_ALLOWED';
}

export type Resolve = (
  host: string,
  options: LookupOptions & { all: true },
  done: (error: NodeJS.ErrnoException | null, addresses: LookupAddress[]) => void,
) => void;

/**
 * A lookup for connections that are about to be made: where one of a name's addresses is refused, none is used. The
 * connection goes to what was checked, so that a name cannot mean something else a moment later.
 * @param refusalOf why an address may not be connected to; null where it may
 */
export const checkedLookup =
  (refusalOf: (address: string) => string | null, resolve: Resolve = lookup): LookupFunction =>
  (host, options, done) => {
    resolve(host, { ...options, all: true }, (error, addresses) => {
      if (error) return done(error, '');
      const refused = addresses.map(({ address }) => refusalOf(address)).find((refusal) => refusal !== null);
      if (refused || addresses.length === 0) return done(new TargetRefused(refused ?? notPublic(host)), '');
      if (options.all) return done(null, addresses);
      const [first] = addresses;
      done(null, first!.address, first!.family);
    });
  };
