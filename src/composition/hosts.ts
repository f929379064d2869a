import { isLoopback } from '../infrastructure/config/rules.js';
import type { Config } from '../infrastructure/config/config.js';
import { anyHost, knownHosts, type HostCheck } from '../interfaces/known-hosts.js';

/** Behind loopback nothing but the name keeps other hosts' pages out; whoever opened the port to all has let them in. */
export const hostCheck = ({ host, publicUrl, allowUnauthenticatedNetwork }: Config): HostCheck =>
  isLoopback(host) && !allowUnauthenticatedNetwork
    ? knownHosts(publicUrl === undefined ? [] : [new URL(publicUrl).hostname])
    : anyHost;
