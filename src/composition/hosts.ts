import { isIP } from 'node:net';
import type { Config } from '../infrastructure/config/config.js';
import { knownHosts, type HostCheck, knownOrigins, type OriginCheck } from '../interfaces/known-origins.js';
import { isEveryAddress } from './listening.js';

/** The same for requests and live updates. */
export const doorOf = (config: Config) => ({
  isKnownHost: hostCheck(config),
  isKnownOrigin: originCheck(config),
  publicPath: config.publicUrl === undefined ? '' : new URL(config.publicUrl).pathname.replace(/\/$/, ''),
});

/** Whatever the server listens on: loopback names, the address of HOST, the host of PUBLIC_URL, and ALLOWED_HOSTS. */
export const hostCheck = ({ host, publicUrl, allowedHosts }: Config): HostCheck =>
  knownHosts([
    ...(isEveryAddress(host) ? [] : [hostnameOf(host)]),
    ...(publicUrl === undefined ? [] : [new URL(publicUrl).hostname]),
    ...allowedHosts,
  ]);

export const originCheck = ({ publicUrl, allowedOrigins }: Config): OriginCheck =>
  knownOrigins([...(publicUrl === undefined ? [] : [new URL(publicUrl).origin]), ...allowedOrigins]);

const hostnameOf = (host: string): string => new URL(`http://${isIP(host) === 6 ? `[${host}]` : host}`).hostname;
